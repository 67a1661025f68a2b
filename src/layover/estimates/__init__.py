"""Estimates before a run: arithmetic, time and memory of each step, and the hidden states that are kept on the disk."""
