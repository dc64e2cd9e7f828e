"""One heap for all threads, and what is freed given back.

glibc gives each thread that allocates a heap of its own, up to eight a core, and what one of them
has freed no other one gets: a dozen threads that ask AWS leave the process 16 MiB larger. Beside
the interpreter's lock they hardly ever wait for each other at a common heap.

It also keeps what was freed for whoever asks next, and the larger the blocks are that come and go,
the more it keeps. Here they go back at once, and between two accounts so do the holes: 9 MiB less.
"""

import ctypes
import sys
from typing import Any, Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
"""See mallopt(3)."""
_KEPT_BYTES: Final = 256 << 10
"""What is freed at the end of the heap, or in one block, and kept."""


def share() -> None:
    """Let threads that are started from now on use the heaps that there are; elsewhere: nothing."""
    mallopt = _glibc("mallopt")
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def give_back() -> None:
    """Return the pages of the heap that hold nothing any more; elsewhere: nothing."""
    trim = _glibc("malloc_trim")
    if trim is not None:
        trim(0)


def _glibc(name: str) -> Any:
    """Return a function of the C library, or None: musl has neither."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
