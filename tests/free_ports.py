"""Ports for servers of tests, which are told theirs when they start.

They lie below the range from which the system serves whoever asks for any port: nobody gets one by
chance between the look at it and the server's own start.
"""

import random
import socket

_LOWEST, _HIGHEST = 12_000, 22_000
_DRAWN = random.SystemRandom()


def free_port(*offsets: int) -> int:
    """Return a port that is free on loopback, and so are those at these distances from it."""
    while True:
        port = _DRAWN.randrange(_LOWEST, _HIGHEST)
        if all(_is_free(port + offset) for offset in (0, *offsets)):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
