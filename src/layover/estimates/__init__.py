"""Estimates before a run: arithmetic, time and memory of each step, and which hidden states are kept on the disk."""
