"""Threads share one heap."""

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


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc has heaps of threads")
def test_threads_get_no_heaps_of_their_own(tmp_path: Path) -> None:
    """After `share`, six threads that allocate at once leave one heap."""
    told = tmp_path / "malloc.xml"
    subprocess.run([sys.executable, "-c", THREADS, str(told)], check=True, timeout=60)

    assert told.read_text(encoding="utf-8").count("<heap nr=") == 1
