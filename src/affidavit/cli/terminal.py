"""What is shown on a terminal of texts that came from elsewhere: files, AWS."""


def printable(text: str) -> str:
    """Return a line with all that could drive a terminal written out.

    `report.verify.summary` has the same for itself: the verifier stands alone, and to import the
    package of reports here would cost every command half a second.
    """
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
