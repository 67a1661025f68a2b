"""The tasks of the sandbox; their data are generated at the first use."""
