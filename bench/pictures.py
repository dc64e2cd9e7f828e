"""Make the pictures of the README from a real run: `make pictures`.

The terminal is drawn by typst from what the command printed; the report's page is its own PDF.
"""

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import typst

HERE = Path(__file__).parent.parent / "docs" / "images"
COLUMNS = 100
CONTROL = "GENAI-SECU-04"
TERMINAL = """
#set page(width: auto, height: auto, margin: 14pt, fill: rgb("#10161d"))
#set text(font: "DejaVu Sans Mono", size: 8pt, fill: rgb("#d6dee6"))
#let lines = json(bytes(sys.inputs.lines))
#stack(spacing: 3.2pt, ..lines.map(l => {
  let colour = if l.starts-with("SYNTHETIC") { rgb("#d67bd0") }
    else if l.starts-with("$") { rgb("#7fd18b") }
    else if l.starts-with("Left out") { rgb("#e2c26b") }
    else { rgb("#d6dee6") }
  if l.starts-with("critical") { text(fill: rgb("#f08a7d"), raw("critical")); raw(l.slice(8)) }
  else { text(fill: colour, raw(if l == "" { " " } else { l })) }
}))
"""


def main() -> None:
    """Run the simulated estate and draw what it printed and what it wrote."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        done = subprocess.run(
            [str(Path(sys.executable).parent / "affidavit"), "run", "--demo"],
            cwd=folder,
            env={**os.environ, "COLUMNS": str(COLUMNS), "AFFIDAVIT_KEYS": str(folder / "keys")},
            capture_output=True,
            text=True,
            check=True,
        )
        lines = ["$ make run", *_shown(done.stdout, folder)]
        picture = typst.compile(
            TERMINAL.encode(), format="png", ppi=110, sys_inputs={"lines": json.dumps(lines)}
        )
        assert isinstance(picture, bytes)
        (HERE / "run.png").write_bytes(picture)
        report = next((folder / "affidavit-report").glob("*.zip"))
        with zipfile.ZipFile(report) as archive:
            (folder / "report.pdf").write_bytes(archive.read("report.pdf"))
        control = _page_of(folder / "report.pdf", CONTROL)
        for page, target in ((2, "report-summary"), (control, "report-control")):
            command = ["pdftoppm", "-r", "70", "-png", "-singlefile", "-f", str(page)]
            subprocess.run([*command, str(folder / "report.pdf"), str(HERE / target)], check=True)


def _shown(printed: str, folder: Path) -> list[str]:
    """Return the lines as in a clone: no path of this machine, a long command in two lines."""
    tool = os.path.relpath(Path(sys.executable).parent / "affidavit", folder)
    text = printed.replace(tool, ".venv/bin/affidavit").replace(str(folder), "~")
    text = text.replace(" --key ", " \\\n          --key ")
    return [line.rstrip() for line in text.splitlines()]


def _page_of(report: Path, control: str) -> int:
    """Return the first page behind the contents that names a control."""
    done = subprocess.run(
        ["pdftotext", "-layout", str(report), "-"], capture_output=True, text=True, check=True
    )
    pages = done.stdout.split("\f")
    return next(n for n, text in enumerate(pages, 1) if control in text and "Judged" in text)


if __name__ == "__main__":
    main()
