"""Exports from the store: finished trainings as directories that other programs read."""
