"""A console on a free port of loopback, behind the server's own HTTP."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import uvicorn

from affidavit.api.bounded_http import BoundedHttp
from affidavit.finder.engine import Finder
from affidavit.model.times import utc_now
from affidavit.server import Background, ServeOptions, make_app


@contextmanager
def serving(installation: Any) -> Iterator[str]:
    """Serve an installation; give the console's address."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    config = uvicorn.Config(installation.app, http=BoundedHttp, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/console"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@contextmanager
def serving_with(installation: Any, **settings: Any) -> Iterator[str]:
    """Serve an installation with other settings; give its address by another name of loopback.

    So it is another site than an OpenID provider at 127.0.0.1.
    """
    context = replace(
        installation.context, settings=replace(installation.context.settings, **settings)
    )
    installation.time = utc_now()
    with Finder(installation.store) as finder:
        installation.app = make_app(Background(context), ServeOptions(), finder)
        with serving(installation) as address:
            yield address.replace("127.0.0.1", "localhost")
