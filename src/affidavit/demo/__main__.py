"""`python -m affidavit.demo`: the simulated estate as a process of its own."""

import sys

from affidavit.demo.overlay.server import main

if __name__ == "__main__":
    sys.exit(main())
