"""Whole numbers that people and clients write: read within bounds, however long the text."""


def whole(text: str, most: int, least: int = 0) -> int | None:
    """Return the number from `least` to `most` that a text of ASCII digits is, else None.

    It is never read where it has too many digits: Python refuses those beyond 4,300 by an error.
    """
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most))):
        return None
    number = int(text)
    return number if least <= number <= most else None
