"""The tree keeps the shape of the design: no drawers, no long files."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(p for folder in ("src", "tests", "bench") for p in (ROOT / folder).rglob("*.py"))
MAX_LINES = 400
DRAWERS = {"utils.py", "util.py", "helpers.py", "common.py", "manager.py", "base.py", "misc.py"}


def test_no_file_is_longer_than_400_lines() -> None:
    """A file that nobody can read at once is cut."""
    long = {
        str(p.relative_to(ROOT)): n
        for p in SOURCES
        if (n := len(p.read_text(encoding="utf-8").splitlines())) > MAX_LINES
    }
    assert long == {}


def test_no_drawers() -> None:
    """A module is named for what it holds."""
    assert [str(p.relative_to(ROOT)) for p in SOURCES if p.name in DRAWERS] == []


@pytest.mark.parametrize("name", ["src", "docs", "tests", "requirements"])
def test_no_registry_address(name: str) -> None:
    """No committed file names a package registry's host or a path of the developers' machine."""
    hosts = ["pypi" + ".org", "python" + "hosted.org", "registry.npm" + "js", "deb.deb" + "ian.org"]
    suffixes = {".py", ".md", ".txt", ".yaml", ".toml", ".typ", ".json"}
    hits = [
        str(path.relative_to(ROOT))
        for path in (ROOT / name).rglob("*")
        if path.suffix in suffixes
        and any(host in path.read_text(encoding="utf-8") for host in hosts)
    ]
    assert hits == []
