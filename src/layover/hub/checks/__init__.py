"""The checks of `verify`: one function for each line of its output."""
