"""Style sheet, script, icon and fonts: read once, named by their digest, sent compressed.

htmx and the fonts come from npm (`make assets`, done by `make install` where npm is there). Without
them every page works as well: as plain GET and POST, in the system's font.
"""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from affidavit.console.door import PREFIX

FOLDER: Final = Path(__file__).parent / "static"
HTMX: Final = "vendor/htmx.min.js"
FONTS: Final = "fonts.css"
_FONT: Final = "vendor/open-sans-latin-wght-normal.woff2"
_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
_COMPRESSED: Final = frozenset({".css", ".js", ".svg"})
_FOR_EVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent."""

    content: bytes
    compressed: bytes
    """Empty where that would not help."""
    type: str
    version: str


class Assets:
    """All files of the folder, by name."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._known = {
            path.relative_to(folder).as_posix(): _read(path)
            for path in sorted(folder.rglob("*"))
            if path.suffix in _TYPES
        }

    def has(self, name: str) -> bool:
        """Tell whether there is such a file; what npm brings may be missing."""
        return name in self._known and (name != FONTS or _FONT in self._known)

    def url(self, name: str) -> str:
        """Return the address of a file: another one when its content changes."""
        return f"{PREFIX}/static/{name}?v={self._known[name].version}"

    def answer(self, request: Request) -> Response:
        """Return a file, or 404."""
        found = self._known.get(request.path_params["name"])
        if found is None:
            return Response(status_code=404)
        headers = {"cache-control": _FOR_EVER, "vary": "accept-encoding"}
        content = found.content
        if found.compressed and "gzip" in request.headers.get("accept-encoding", ""):
            headers["content-encoding"] = "gzip"
            content = found.compressed
        return Response(content, media_type=found.type, headers=headers)


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    packed = gzip.compress(content, mtime=0) if path.suffix in _COMPRESSED else b""
    return Asset(content, packed, _TYPES[path.suffix], sha256(content).hexdigest()[:12])
