"""Views: which function answers which path, and what it needs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from starlette.responses import Response

from affidavit.console.forms import MAX_BYTES
from affidavit.console.page import Page

Answer = Callable[[Page], Response]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One path and method."""

    path: str
    """Below the console, with {parameters}."""
    answer: Answer
    method: Literal["GET", "POST"] = "GET"
    back: Answer | None = None
    """Of a POST: shows the form again, with what was wrong."""
    public: bool = False
    """Whether it is for people who are not signed in."""
    max_bytes: int = MAX_BYTES
    """Longest body."""
    name: str = ""
    """What the reference calls the page; empty: not listed there."""


def view(path: str, answer: Answer, name: str, *, public: bool = False) -> View:
    """Return a page."""
    return View(path=path, answer=answer, name=name, public=public)


def act(
    path: str,
    answer: Answer,
    back: Answer | None = None,
    *,
    public: bool = False,
    max_bytes: int = MAX_BYTES,
) -> View:
    """Return what a form is sent to."""
    return View(
        path=path, answer=answer, method="POST", back=back, public=public, max_bytes=max_bytes
    )


OF_FILES: Final = 1_048_576
"""What a form with a file may have beyond the file."""
