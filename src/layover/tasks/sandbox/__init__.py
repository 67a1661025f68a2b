"""The tasks of the sandbox; their data are made when they are first needed."""
