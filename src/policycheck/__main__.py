"""`python -m policycheck` is the command line."""

from policycheck.cli import main

if __name__ == "__main__":
    main()
