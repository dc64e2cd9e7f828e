"""One heap for all threads.

glibc gives each thread that allocates a heap of its own, up to eight a core, and what one of them
has freed no other one gets: a dozen threads that ask AWS leave the process 16 MiB larger. Beside
the interpreter's lock they hardly ever wait for each other at a common heap.
"""

import ctypes
import gc
import sys

_M_ARENA_MAX = -8
"""See mallopt(3)."""


def share() -> None:
    """Let threads that are started from now on use the heaps that there are; elsewhere: nothing."""
    _glibc("mallopt", _M_ARENA_MAX, 1)


def give_back() -> None:
    """Collect what is in cycles, and give the system back what is free; glibc keeps it else."""
    gc.collect()
    _glibc("malloc_trim", 0)


def _glibc(name: str, *arguments: int) -> None:
    if sys.platform == "linux":
        function = getattr(ctypes.CDLL(None), name, None)  # musl has neither
        if function is not None:
            function(*arguments)
