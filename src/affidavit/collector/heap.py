"""One heap for all threads.

glibc gives each thread that allocates a heap of its own, up to eight a core, and what one of them
has freed no other one gets: a dozen threads that ask AWS leave the process 16 MiB larger. Beside
the interpreter's lock they hardly ever wait for each other at a common heap.
"""

import ctypes
import sys

_M_ARENA_MAX = -8
"""See mallopt(3)."""


def share() -> None:
    """Let threads that are started from now on use the heaps that there are; elsewhere: nothing."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, 1)
