"""`python -m stbir` is `stbir`."""

import sys

from stbir.cli import main

if __name__ == "__main__":
    sys.exit(main())
