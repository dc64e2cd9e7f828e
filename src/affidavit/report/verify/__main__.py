"""`python -m affidavit.report.verify`; affidavit-verify.pyz begins here too."""

import sys

from .main import main

if __name__ == "__main__":
    sys.exit(main())
