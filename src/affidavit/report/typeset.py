"""`python -m affidavit.report.typeset DATA.json OUT.pdf`: compile the template.

Texts come from people and from AWS, in any script, and the fonts in typst's package have not all
of them (they have Latin, Greek, Cyrillic, Hebrew). A character that they lack stands as its code
point, [U+76E3], in the PDF alone: PDF/UA-1 refuses an empty box in its place, and a report that
cannot be made for the name of a control is worse than both. The machine's own fonts are left alone,
so that equal content gives equal bytes.
"""

import json
import re
import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

PARTS = ("template.typ", "style.typ", "front.typ", "control.typ", "end.typ")
STANDARD: Final = "ua-1"
"""PDF/UA-1: tagged for screen readers; typst refuses to build what does not hold."""
_LACKING: Final = re.compile(r'the text `"(.+?)"` could not be displayed')
_ESCAPED: Final = re.compile(r"\\u\{([0-9a-f]{1,6})\}")
"""As Rust writes characters that cannot be printed."""
_TRIES: Final = 3
"""Each names all that is lacking; what comes anew is what a replacement brought about."""


def compile_pdf(data: Path, out: Path) -> None:
    """Compile the template with the JSON at `data` to the PDF at `out`, in this process."""
    import typst

    lacking: dict[int, str] = {}
    for left in reversed(range(_TRIES)):
        try:
            out.write_bytes(_compiled(data.read_bytes(), lacking))
        except typst.TypstError as error:
            found = _characters(error.diagnostic)
            if not found or not left:
                raise
            lacking |= {ord(one): f"[U+{ord(one):04X}]" for one in found}
        else:
            return


def _compiled(data: bytes, lacking: Mapping[int, str]) -> bytes:
    """Return the PDF, with code points for the characters that are lacking."""
    import typst

    folder = files("affidavit.report")
    sources = {name: folder.joinpath(name).read_bytes() for name in PARTS}
    main = sources.pop("template.typ")
    if lacking:
        data = json.dumps(_without(json.loads(data), lacking)).encode()
    inputs: Any = {"main.typ": main, **sources, "data.json": data}
    pdf: bytes = typst.compile(  # its type stub does not know several inputs
        inputs,
        ignore_system_fonts=True,
        pdf_standards=[STANDARD],
    )
    return pdf


def _characters(diagnostic: str) -> set[str]:
    """Return the characters that no font has, of all places that typst names."""
    texts = [
        _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
        for text in _LACKING.findall(diagnostic)
    ]
    return {one for text in texts for one in text if not (one.isascii() and one.isprintable())}


def _without(value: Any, lacking: Mapping[int, str]) -> Any:
    if isinstance(value, str):
        return value.translate(lacking)
    if isinstance(value, dict):
        return {name: _without(one, lacking) for name, one in value.items()}
    return [_without(one, lacking) for one in value] if isinstance(value, list) else value


if __name__ == "__main__":
    compile_pdf(Path(sys.argv[1]), Path(sys.argv[2]))
