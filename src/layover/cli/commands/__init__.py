"""One file per verb: `ORDER` places it in the help, `command` is the function."""
