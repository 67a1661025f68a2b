"""What `verify` checks of a package: one function for each line that it says."""
