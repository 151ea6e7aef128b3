"""`python -m gradchain` is the same as `gradchain`."""

import sys

from gradchain.cli import run

if __name__ == "__main__":
    sys.exit(run())
