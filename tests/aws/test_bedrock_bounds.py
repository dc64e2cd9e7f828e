"""Answers are read up to a limit, however they come."""

from collections.abc import Iterator

import pytest

from affidavit.aws.bedrock_bounds import TooLargeError, read


def test_up_to_the_limit() -> None:
    """What fits is whole."""
    assert read([b"ab", b"", b"cd"], 4) == b"abcd"


def test_an_answer_without_end() -> None:
    """Of an answer that never ends only the limit and one piece are taken."""
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"x" * 10

    with pytest.raises(TooLargeError, match="100 bytes"):
        read(endless(), 100)
    assert taken == 11
