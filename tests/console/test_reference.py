"""The reference of pages and the list of messages are those of today.

`python -m tests.console.test_reference` writes both again.
"""

import ast
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from jinja2 import nodes
from starlette.routing import Match, Route
from tests.console.addresses import AWAY, EVERY, FILES, MANAGED, SIGNED_OUT

from affidavit import console
from affidavit.console.pages.all import VIEWS
from affidavit.console.rendering import TEMPLATES, environment
from affidavit.operations.sessions import IDLE, LONGEST

ROOT = Path(__file__).parent.parent.parent
REFERENCE = ROOT / "docs" / "reference" / "console.md"
SOURCES = Path(console.__file__).parent
MESSAGES = SOURCES / "texts.pot"
MARKS = {"_", "mark", "gettext", "ngettext"}


def reference() -> str:
    """Return the whole of docs/reference/console.md."""
    hours = int(LONGEST.total_seconds() // 3600)
    rows = [f"| {one.name} | `/console{one.path}` |" for one in VIEWS if one.name]
    table = "\n".join(rows)
    return f"""# Pages of the console

Made by `python -m tests.console.test_reference`; a test compares.

Every page is an address that can be sent to a colleague, answers to a plain GET and works without
JavaScript. What is filtered, sorted, grouped or chosen stands in the address.

| Page | Address |
|---|---|
{table}

Downloads: `/console/finder/evidence.csv` and `/console/assessments/{{assessment}}/period.csv` take
the parameters of their pages.

A session ends after {int(IDLE.total_seconds() // 60)} minutes without a request, and after
{hours} hours in any case.
"""


def messages() -> str:
    """Return the whole of texts.pot: every message, once, in the order of the alphabet."""
    found: set[tuple[str, ...]] = set()
    for path in SOURCES.rglob("*.py"):
        found |= _of_code(path)
    made: Any = environment()
    for path in TEMPLATES.rglob("*.html"):
        for _, function, said in made.extract_translations(path.read_text(encoding="utf-8")):
            words = said if isinstance(said, tuple) else (said,)
            if function in MARKS:
                found.add(tuple(one for one in words if isinstance(one, str)))
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n'
    return head + "".join(f"\n{_entry(one)}" for one in sorted(found) if one)


def _of_code(path: Path) -> set[tuple[str, ...]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        (node.args[0].value,)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") in MARKS
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


def _entry(words: tuple[str, ...]) -> str:
    quoted = [json.dumps(one, ensure_ascii=False) for one in words]
    if len(quoted) == 1:
        return f'msgid {quoted[0]}\nmsgstr ""\n'
    return f'msgid {quoted[0]}\nmsgid_plural {quoted[1]}\nmsgstr[0] ""\nmsgstr[1] ""\n'


def test_the_reference_is_true() -> None:
    """docs/reference/console.md names every page that there is."""
    assert REFERENCE.read_text(encoding="utf-8") == reference()


def test_every_page_is_looked_at() -> None:
    """Each address that answers a GET is one that the browser tests walk, a file, or a way on."""
    routes = [Route(one.path, print, methods=["GET"]) for one in VIEWS if one.method == "GET"]
    walked = {_route_of(one.partition("?")[0], routes) for one in (*EVERY, *MANAGED, *SIGNED_OUT)}
    left = {one.path for one in routes} - walked
    assert sorted(left) == sorted((*FILES, *AWAY))


def _route_of(path: str, routes: Sequence[Route]) -> str:
    """Return the pattern of the route that answers a path; empty: none."""
    scope = {"type": "http", "method": "GET", "path": path}
    found = (one.path for one in routes if one.matches(scope)[0] is Match.FULL)
    return next(found, "")


def test_the_messages_are_listed() -> None:
    """texts.pot has every message of code and templates, and no other."""
    assert MESSAGES.read_text(encoding="utf-8") == messages()


@pytest.mark.parametrize(
    "path", sorted(TEMPLATES.rglob("*.html")), ids=lambda p: str(p.relative_to(TEMPLATES))
)
def test_templates_leave_nothing_untranslated(path: Path) -> None:
    """Words of a template stand in the list of messages; tags, names and marks need not."""
    made = environment()
    tree = made.parse(path.read_text(encoding="utf-8"))
    text = " ".join(
        one.data
        for output in tree.find_all(nodes.Output)
        for one in output.nodes
        if isinstance(one, nodes.TemplateData)
    )
    bare = re.sub(r"<(style|script|pre|code)\b.*?</\1>", " ", text, flags=re.DOTALL)
    bare = re.sub(r"<[^>]*>?|[^<]*>", " ", bare)
    known = {"Affidavit", "UTC", "SHA", "applies", "compliant", "inconclusive", "zip"}
    left = [word for word in re.findall(r"[A-Za-z]{3,}", bare) if word not in known]
    assert left == []


if __name__ == "__main__":
    REFERENCE.write_text(reference(), encoding="utf-8")
    MESSAGES.write_text(messages(), encoding="utf-8")
