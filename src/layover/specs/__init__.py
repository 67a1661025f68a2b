"""What is computed, typed: one frozen specification for each step, its canonical form and its key."""
