"""`python -m layover`."""

from layover.cli.main import main

if __name__ == "__main__":
    main()
