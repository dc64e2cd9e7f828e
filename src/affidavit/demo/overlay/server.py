"""The server process: the world of an estate file on loopback, until its parent is gone."""

import argparse
import contextlib
import dataclasses
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from werkzeug.serving import WSGIRequestHandler, make_server

from affidavit.demo.overlay import answers, faults
from affidavit.demo.overlay.app import Overlay
from affidavit.demo.overlay.prompted import prompted
from affidavit.demo.world import ESTATE_FILE, load
from affidavit.errors import EmulatorError
from affidavit.model.times import parse

LOOPBACK = "127.0.0.1"
_PARENT_CHECKS_SECONDS = 1.0


class _Handler(WSGIRequestHandler):  # type: ignore[misc]  # werkzeug is not followed
    """Keeps connections open between requests, and is silent."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write nothing: requests are counted instead."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until standard input ends or the parent is gone; return the exit code."""
    given = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    try:
        world = load(given.estate, now=given.now, seed=given.seed, scale=given.scale)
        answers.check(world)
        overlay = Overlay(world, faults.Faults(faults.from_text(given.faults)))
    except EmulatorError as error:
        sys.stderr.write(f"{error}\n")
        return EmulatorError.exit_code
    server = make_server(LOOPBACK, given.port, overlay, threaded=True, request_handler=_Handler)
    _end_with_parent()
    ready = {
        "port": server.server_port,
        "access_key": world.access_key,
        "secret_key": world.secret_key,
        "accounts": list(world.accounts),
        "regions": list(world.estate.regions.enabled),
        "role_name": world.estate.role.name,
        "external_id": world.estate.role.external_id,
        "parameters": world.parameters,
        "prompted": [dataclasses.asdict(one) for one in prompted(world)],
    }
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m affidavit.demo", description="Serve the simulated estate on loopback."
    )
    parser.add_argument("--estate", type=Path, default=ESTATE_FILE)
    parser.add_argument("--now", type=parse, required=True, help="time of the estate, RFC 3339")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=int, default=1)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--faults", default="[]", help="JSON list of faults")
    return parser


def _end_with_parent() -> None:
    """End this process when standard input ends, or when another process has become its parent."""
    parent = os.getppid()

    def until_input_ends() -> None:
        sys.stdin.read()
        os._exit(0)

    def until_parent_changes() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_CHECKS_SECONDS)
        os._exit(0)

    for watch in (until_input_ends, until_parent_changes):
        threading.Thread(target=watch, daemon=True).start()
