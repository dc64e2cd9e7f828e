"""`python -m affidavit.report.pyz [OUT]`: build affidavit-verify.pyz, the verifier as one file.

It holds the package `report/verify` alone, under the name `affidavit_verify`; whoever runs it needs
Python 3.11 or newer and the package `cryptography`. Equal sources give equal bytes.
"""

import stat
import sys
import zipfile
from importlib.resources import files
from pathlib import Path

OUT = Path("dist/affidavit-verify.pyz")
PACKAGE = "affidavit_verify"
_SHEBANG = b"#!/usr/bin/env python3\n"
_MAIN = """\
try:
    import cryptography
except ImportError:
    raise SystemExit("affidavit-verify needs the package cryptography: pip install cryptography")
import sys
from affidavit_verify.main import main
sys.exit(main())
"""
_DATE = (1980, 1, 1, 0, 0, 0)


def build_pyz(out: Path) -> Path:
    """Build the single-file verifier at `out` and return its path."""
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = files("affidavit.report.verify")
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith(".py"))
    with out.open("wb") as file:
        file.write(_SHEBANG)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_info("__main__.py"), _MAIN)
            for name in names:
                data = folder.joinpath(name).read_bytes()
                archive.writestr(_info(f"{PACKAGE}/{name}"), data)
    out.chmod(out.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return out


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _DATE)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    return info


if __name__ == "__main__":
    sys.stdout.write(f"{build_pyz(Path(sys.argv[1]) if len(sys.argv) > 1 else OUT)}\n")
