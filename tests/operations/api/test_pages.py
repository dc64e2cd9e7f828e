"""Tokens of pages: they lead on, and nothing else does."""

import base64
from typing import Any

import pytest

from affidavit.operations.faults import ValidationFault
from affidavit.operations.pages import LIFETIME, MAX_TOKEN, Pages


def _pages(installation: Any, **request: Any) -> Pages:
    return Pages(
        context=installation.context,
        caller=installation.caller,
        operation="ListThings",
        request=request,
    )


def _all(installation: Any, items: list[str], size: int) -> list[str]:
    got: list[str] = []
    token: dict[str, str] = {}
    while True:
        pages = _pages(installation, maxResults=size, **token)
        page, token = pages.of(items, lambda item: (item, ""))
        assert len(page) <= size
        got += page
        if not token:
            return got


def test_pages_hold_every_item_once(installation: Any) -> None:
    """Page after page gives the whole list in order, whatever the page's size."""
    items = [f"item {number:03}" for number in range(57)]
    for size in (1, 10, 56, 57, 58, 1000):
        assert _all(installation, items, size) == items
    assert _all(installation, [], 5) == []


def test_what_comes_between_two_pages_is_neither_twice_nor_instead(installation: Any) -> None:
    """An item that is added or removed between two pages does not move the others."""
    page, token = _pages(installation, maxResults=2).of("bdfh", lambda item: (item, ""))
    assert page == ["b", "d"]
    page, _ = _pages(installation, maxResults=9, **token).of("aefh", lambda item: (item, ""))
    assert page == ["e", "f", "h"]


def test_a_token_is_of_the_models_letters_and_length(installation: Any) -> None:
    """The longest place still gives a token that the model allows."""
    token = _pages(installation).token(("é" * 64 * 4, "0" * 36))
    assert len(token) <= MAX_TOKEN
    assert base64.b64decode(token, validate=True)


def test_a_token_does_not_tell_where_it_points(installation: Any) -> None:
    """The place cannot be read from the token."""
    token = _pages(installation).token(("secret name", "id"))
    assert b"secret" not in base64.b64decode(token)


def test_a_token_is_good_for_its_own_request_only(installation: Any) -> None:
    """Another filter, operation or tenant refuses the token; another page size does not."""
    token = _pages(installation, kind="a", maxResults=1).token(("x", "y"))
    assert _pages(installation, kind="a", maxResults=9, nextToken=token).after == ("x", "y")
    others = [
        _pages(installation, kind="b", nextToken=token),
        _pages(installation.as_(region="eu-west-1"), kind="a", nextToken=token),
        Pages(
            context=installation.context,
            caller=installation.caller,
            operation="ListOthers",
            request={"kind": "a", "nextToken": token},
        ),
    ]
    for pages in others:
        with pytest.raises(ValidationFault, match="nextToken"):
            _ = pages.after


def test_a_token_ends(installation: Any) -> None:
    """After a day a token is refused."""
    token = _pages(installation).token(("x", "y"))
    installation.clock.forward(seconds=LIFETIME.total_seconds() - 2)
    assert _pages(installation, nextToken=token).after == ("x", "y")
    installation.clock.forward(seconds=2)
    with pytest.raises(ValidationFault):
        _ = _pages(installation, nextToken=token).after


@pytest.mark.parametrize("token", ["", "A", "AAAA", "====", "/" * 1000, "not base64!"])
def test_any_other_text_is_refused(installation: Any, token: str) -> None:
    """What we did not give out is a ValidationFault that names the member."""
    with pytest.raises(ValidationFault) as caught:
        _ = _pages(installation, nextToken=token).after
    assert caught.value.fields[0][0] == "nextToken"


def test_any_changed_byte_is_refused(installation: Any) -> None:
    """A token with one byte changed is refused, whichever it is."""
    sealed = base64.b64decode(_pages(installation).token(("x", "y")))
    for index in range(len(sealed)):
        changed = bytearray(sealed)
        changed[index] ^= 1
        token = base64.b64encode(changed).decode()
        with pytest.raises(ValidationFault):
            _ = _pages(installation, nextToken=token).after
