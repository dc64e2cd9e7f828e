"""`python -m affidavit`: the same as the command `affidavit`."""

from affidavit.cli import main

if __name__ == "__main__":
    main()
