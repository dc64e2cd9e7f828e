"""Servers that speak Spark Connect, on loopback: Sail, and Apache Spark with worker processes."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.free_ports import free_port


def java() -> str | None:
    """Return the Java 17 that Spark 4 wants, where it is installed; else another one."""
    homes = sorted(Path("/usr/lib/jvm").glob("java-17-*"))
    return str(homes[0] / "bin" / "java") if homes else shutil.which("java")


@contextmanager
def sail() -> Iterator[str]:
    """Run Sail in a process of its own and yield its URL."""
    port = free_port()
    command = [sys.executable, "-m", "pysail", "spark", "server", "--ip", "127.0.0.1"]
    with _running([*command, "--port", f"{port}"], {}, port) as url:
        yield url


@contextmanager
def spark(master: str, folder: Path) -> Iterator[str]:
    """Run Apache Spark with a Connect server, as `local-cluster[2,1,1024]`; yield its URL."""
    import pyspark

    found = java()
    assert found is not None
    home = Path(pyspark.__file__).parent
    port = free_port()
    settings = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": port,
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.warehouse.dir": folder / "warehouse",
        "spark.local.dir": folder / "local",
    }
    command = [str(home / "bin" / "spark-submit"), "--master", master]
    for name, value in settings.items():
        command += ["--conf", f"{name}={value}"]
    command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer"]
    environment = {
        "JAVA_HOME": str(Path(found).resolve().parent.parent),
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_WORKER_DIR": str(folder / "work"),
    }
    with _running([*command, "spark-internal"], environment, port) as url:
        yield url


@contextmanager
def _running(command: list[str], environment: dict[str, str], port: int) -> Iterator[str]:
    with subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
    ) as process:
        try:
            _wait(process, port)
            yield f"sc://127.0.0.1:{port}"
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(process: "subprocess.Popen[bytes]", port: int, seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert process.poll() is None, "the server ended"
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(port)
