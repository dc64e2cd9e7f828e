"""Serve the endpoint on loopback, for as long as the context lasts."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from werkzeug.serving import WSGIRequestHandler, make_server

from affidavit.demo.bedrock.answering import Speaker
from affidavit.demo.bedrock.app import Runtime
from affidavit.demo.bedrock.logs import InvocationLog, Put, into_folder

LOOPBACK = "127.0.0.1"
CLOUDWATCH_FILE = "cloudwatch/aws-bedrock-modelinvocations.json"
"""Below the log folder: the same records as CloudWatch Logs' GetLogEvents answers them."""


class _Handler(WSGIRequestHandler):  # type: ignore[misc]  # werkzeug is not followed
    """Streams in chunks, and is silent."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write nothing."""


@contextmanager
def serve(
    *,
    seed: int = 20260101,
    log_folder: Path | None = None,
    put: Put | None = None,
    port: int = 0,
    local: Speaker | None = None,
) -> Iterator[str]:
    """Serve in a thread of this process; yield the endpoint's URL.

    Invocation logs go to `log_folder`, or where `put` puts them: into a bucket, say.
    """
    sink = into_folder(log_folder) if log_folder else put
    log = InvocationLog(sink) if sink else None
    server = make_server(
        LOOPBACK,
        port,
        Runtime(seed=seed, log=log, local=local),
        threaded=True,
        request_handler=_Handler,
    )
    thread = threading.Thread(target=server.serve_forever, name="demo-bedrock", daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        if log and sink:
            sink(CLOUDWATCH_FILE, json.dumps(log.cloudwatch(), ensure_ascii=False).encode())
