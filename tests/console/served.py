"""A console on a free port of loopback, behind the server's own HTTP."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from affidavit.api.bounded_http import BoundedHttp


@contextmanager
def serving(installation: Any) -> Iterator[str]:
    """Serve an installation; give the console's address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = uvicorn.Config(
        installation.app, port=port, http=BoundedHttp, log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/console"
    finally:
        server.should_exit = True
        thread.join()
