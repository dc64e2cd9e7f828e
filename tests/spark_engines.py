"""Engines that speak Spark Connect, started for real on loopback: Sail, and Spark with two workers.

Neither is in the main lock: `make test-slow` installs them from `requirements/spark.txt`.
"""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

import pytest
from tests.free_ports import free_port

SAIL, SPARK = "sail", "spark"
_PATIENCE = 600.0
_SPARK = """
import sys
from pyspark.sql import SparkSession
made = SparkSession.builder.master("local-cluster[2,1,1024]").appName("affidavit")
for setting in sys.argv[1:]:
    made = made.config(*setting.split("=", 1))
made.getOrCreate()
print("ready", flush=True)
sys.stdin.read()
"""


def missing(kind: str) -> str:
    """Return what the engine lacks on this machine, or the empty text."""
    for package in ("pyspark", "pysail" if kind == SAIL else "grpc"):
        if importlib.util.find_spec(package) is None:
            return f"{package} is not installed (make test-slow installs it)"
    if kind == SPARK and shutil.which("java") is None:
        return "there is no Java 17 for Apache Spark"
    return ""


@contextmanager
def running(
    kind: str, folder: Path, environment: Mapping[str, str] = MappingProxyType({})
) -> Iterator[str]:
    """Start an engine, yield its address, end it; with CI=true a missing one is a failure.

    `environment`: what it has beside ours.
    """
    lacks = missing(kind)
    if lacks:
        if os.environ.get("CI") == "true":
            pytest.fail(f"NOT RUN: {kind}: {lacks}")
        pytest.skip(f"NOT RUN: {kind}: {lacks}")
    port = free_port()
    log = folder / f"{kind}.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            _sail(port) if kind == SAIL else _spark(port),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**_environment(folder), **environment},
            start_new_session=True,
        )
        try:
            _wait(server, kind, port, log)
            yield f"sc://127.0.0.1:{port}"
        finally:
            assert server.stdin is not None
            server.stdin.close()
            # Its own group, for Spark's JVMs outlive the process that started them.
            os.killpg(server.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                server.wait(30)
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _environment(folder: Path) -> dict[str, str]:
    """Return ours without what Spark's client put there: a server would take it for its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SPARK_")}
    return {**clean, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_DIRS": str(folder)}


def _sail(port: int) -> list[str]:
    return [sys.executable, "-m", "pysail", "spark", "server", "--port", str(port)]


def _spark(port: int) -> list[str]:
    settings = {
        "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
    }
    return [sys.executable, "-c", _SPARK, *(f"{name}={value}" for name, value in settings.items())]


def _wait(server: subprocess.Popen[bytes], kind: str, port: int, log: Path) -> None:
    """Wait until the engine answers; its log is in the failure where it does not."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.2)
            continue
        if kind == SAIL or b"ready" in log.read_bytes():
            return
        time.sleep(0.2)
    pytest.fail(f"{kind} did not start: {log.read_text(errors='replace')[-2000:]}")
