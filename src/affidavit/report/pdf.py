"""The PDF: the content as JSON and a typst template, compiled in a process of its own.

The process keeps the caller's memory small (a long report takes half a gigabyte) and ends with it.
Equal content gives equal bytes: the date comes from the content, the fonts lie within typst.
"""

import json
import subprocess
import sys
from pathlib import Path

from affidavit.errors import ReportError
from affidavit.report.content import Content, to_data

TIMEOUT = 600
"""Seconds; a report of 52 controls takes less than five."""


def write_pdf(content: Content, folder: Path) -> Path:
    """Return the path of the PDF made of `content` in `folder`."""
    data, out = folder / "data.json", folder / "report.pdf"
    data.write_text(json.dumps(to_data(content), ensure_ascii=False), encoding="utf-8")
    command = [sys.executable, "-m", "affidavit.report.typeset", str(data), str(out)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise ReportError(
            "The PDF was not ready in time", why=f"typst took more than {TIMEOUT} seconds."
        ) from error
    if done.returncode:
        raise ReportError("The PDF could not be made", why=done.stderr.strip()[-2000:])
    return out
