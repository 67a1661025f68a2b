"""Inference: batches of rows, predictions, nearest neighbours, and packages loaded for use."""
