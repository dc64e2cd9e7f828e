"""Threads share one heap, and what is freed in its middle goes back to the system."""

import subprocess
import sys
from pathlib import Path

import pytest

THREADS = """
import ctypes, sys, threading
from affidavit.collector import heap

heap.share()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
barrier = threading.Barrier(6)

def allocate():
    barrier.wait()
    libc.free(ctypes.c_void_p(libc.malloc(50_000)))

libc.malloc.restype = ctypes.c_void_p
threads = [threading.Thread(target=allocate) for _ in range(6)]
[one.start() for one in threads]
[one.join() for one in threads]
file = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""

HOLES = """
import ctypes, resource
from affidavit.collector import heap

heap.share()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() >> 20

blocks = [ctypes.c_void_p(libc.malloc(20_000)) for _ in range(3_000)]
[ctypes.memset(block, 1, 20_000) for block in blocks]
[libc.free(block) for block in blocks[:-1]]  # the last one holds the end of the heap
before = resident()
heap.give_back()
print(before - resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc has heaps of threads")
def test_threads_get_no_heaps_of_their_own(tmp_path: Path) -> None:
    """After `share`, six threads that allocate at once leave one heap."""
    told = tmp_path / "malloc.xml"
    subprocess.run([sys.executable, "-c", THREADS, str(told)], check=True, timeout=300)

    assert told.read_text(encoding="utf-8").count("<heap nr=") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc gives holes back when asked")
def test_holes_are_given_back() -> None:
    """Of 57 MiB that were freed below a block in use, `give_back` returns nearly all."""
    done = subprocess.run(
        [sys.executable, "-c", HOLES], check=True, timeout=300, capture_output=True, text=True
    )

    assert int(done.stdout) > 50
