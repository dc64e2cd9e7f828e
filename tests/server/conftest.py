"""Real server processes on loopback, each with a home of its own unless told otherwise."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.free_ports import free_port

AFFIDAVIT = Path(sys.executable).parent / "affidavit"
ACCOUNT = "111122223333"
SECONDS_TO_START = 300


@dataclass(slots=True)
class Home:
    """A home folder, and the servers that were started on it."""

    folder: Path
    database_url: str = ""
    """PostgreSQL's; empty: SQLite in the home folder."""
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment: this source tree, no credentials of whoever runs the tests."""
        kept = ("COVERAGE_", "PYTHONPATH", "PATH", "PYTHONDONTWRITEBYTECODE")
        return {
            **{k: v for k, v in os.environ.items() if k.startswith(kept)},
            "HOME": str(self.folder),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AFFIDAVIT_HOME": str(self.folder / "home"),
            "AFFIDAVIT_KEYS": str(self.folder / "keys"),
            **({"AFFIDAVIT_DATABASE_URL": self.database_url} if self.database_url else {}),
        }

    def key(self, role: str, account: str = ACCOUNT) -> dict[str, Any]:
        """Return a new access key."""
        arguments = ["key", "add", "--account", account, "--role", role, "--json"]
        arguments += ["--principal", f"arn:aws:iam::{account}:role/{role}"]
        made: dict[str, Any] = json.loads(self.call(*arguments))
        return made

    def call(self, *arguments: str) -> str:
        """Return what a command printed."""
        done = subprocess.run(
            [str(AFFIDAVIT), *arguments], env=self.environment, capture_output=True, check=True
        )
        return done.stdout.decode()

    def start(self, *options: str, **more: str) -> tuple[subprocess.Popen[bytes], int]:
        """Start a server, wait until it listens; return it and its port."""
        port = free_port()
        command = [str(AFFIDAVIT), "serve", "--port", str(port), *options]
        log = (self.folder / f"server-{port}.log").open("wb")
        with log:
            environment = self.environment | more
            server = subprocess.Popen(command, env=environment, stderr=log)
        self.started.append(server)
        _wait(server, port)
        return server, port

    def log(self, port: int) -> str:
        """Return what the server on a port wrote to stderr."""
        return (self.folder / f"server-{port}.log").read_text()

    def stop(self) -> None:
        """End every server of this home that still runs."""
        for server in self.started:
            if server.poll() is None:
                server.send_signal(signal.SIGTERM)
        for server in self.started:
            server.wait(timeout=300)


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("the server did not start")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """Give a home without a server."""
    made = Home(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def postgres_home(tmp_path: Path, postgres_database: str) -> Iterator[Home]:
    """Give a home whose database is PostgreSQL's."""
    made = Home(tmp_path, postgres_database)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def make_home() -> Callable[[Path], Home]:
    """Return the maker of homes, for servers that outlive a test."""
    return Home
