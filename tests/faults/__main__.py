"""Tries what can go wrong, and prints the table of what came of it: ``python -m tests.faults --help``."""

import sys

from tests.faults.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
