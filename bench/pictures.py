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
TERMINAL = """
#set page(width: auto, height: auto, margin: 14pt, fill: rgb("#10161d"))
#set text(font: "DejaVu Sans Mono", size: 8pt, fill: rgb("#d6dee6"))
#let lines = json(bytes(sys.inputs.lines))
#stack(spacing: 3.2pt, ..lines.map(l => {
  let colour = if l.starts-with("SYNTHETIC") { rgb("#d67bd0") }
    else if l.starts-with("$") { rgb("#7fd18b") }
    else if l.starts-with("Left out") { rgb("#e2c26b") }
    else if l.starts-with("critical") { rgb("#f08a7d") }
    else { rgb("#d6dee6") }
  text(fill: colour, raw(if l == "" { " " } else { l }))
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
        shown = [line.rstrip() for line in done.stdout.replace(str(folder), "~").splitlines()]
        lines = ["$ make run", *shown]
        picture = typst.compile(
            TERMINAL.encode(), format="png", ppi=110, sys_inputs={"lines": json.dumps(lines)}
        )
        assert isinstance(picture, bytes)
        (HERE / "run.png").write_bytes(picture)
        report = next((folder / "affidavit-report").glob("*.zip"))
        with zipfile.ZipFile(report) as archive:
            (folder / "report.pdf").write_bytes(archive.read("report.pdf"))
        for page, target in ((2, "report-summary"), (5, "report-control")):
            command = ["pdftoppm", "-r", "70", "-png", "-singlefile", "-f", str(page)]
            subprocess.run([*command, str(folder / "report.pdf"), str(HERE / target)], check=True)


if __name__ == "__main__":
    main()
