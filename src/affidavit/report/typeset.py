"""`python -m affidavit.report.typeset DATA.json OUT.pdf`: compile the template."""

import sys
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

PARTS = ("template.typ", "style.typ", "front.typ", "control.typ", "end.typ")
STANDARD: Final = "ua-1"
"""PDF/UA-1: tagged for screen readers; typst refuses to build what does not hold."""


def compile_pdf(data: Path, out: Path) -> None:
    """Compile the template with the JSON at `data` to the PDF at `out`, in this process."""
    import typst

    folder = files("affidavit.report")
    sources = {name: folder.joinpath(name).read_bytes() for name in PARTS}
    main = sources.pop("template.typ")
    inputs: Any = {"main.typ": main, **sources, "data.json": data.read_bytes()}
    pdf = typst.compile(  # its type stub does not know several inputs
        inputs,
        ignore_system_fonts=True,
        pdf_standards=[STANDARD],
    )
    out.write_bytes(pdf)


if __name__ == "__main__":
    compile_pdf(Path(sys.argv[1]), Path(sys.argv[2]))
