"""The API's cost a request: CPU of the server process, against a bare handler and moto's server.

Ours: SigV4 verified, request validated, answer serialised, operation in a worker thread; the
operation itself does nothing. Bare: an async Starlette handler that sends the same JSON, unsigned.
moto: comparable calls of AWS Backup (also rest-json): GET backup-vaults, a page of 100 plans, and
CreateBackupPlan. The load comes from this process over eight connections, so only the server's CPU
counts; it is read from /proc and includes its threads.
"""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bench.api_servers import ITEMS, KEY, UUID

CONNECTIONS = 8
WARM_UP = 200
GOAL_OVER_BARE = 3.0
GOAL_OVER_MOTO = 5.0

Sent = Callable[[int], bytes]
"""Number of a request -> its bytes."""

_CREATE = (
    b'{"name":"bench","assessmentReportsDestination":{"destinationType":"S3",'
    b'"destination":"s3://bucket/folder"},"scope":{"awsAccounts":[{"id":"111122223333"}]},'
    b'"roles":[{"roleType":"PROCESS_OWNER","roleArn":"arn:aws:iam::111122223333:role/owner"}],'
    b'"frameworkId":"%s","tags":{"team":"bench"}}' % UUID.encode()
)
_PAGE = f"/assessments/{UUID}/controlSets/{UUID}/evidenceFolders/{UUID}/evidence?maxResults=100"
CALLS: Mapping[str, tuple[str, str, bytes, int]] = {
    "status": ("GET", "/account/status", b"", 3000),
    "page_of_100": ("GET", _PAGE, b"", 1000),
    "create": ("POST", "/assessments", _CREATE, 2000),
}


def run() -> Mapping[str, float | str]:
    """Measure all three servers one after the other; microseconds of CPU and ratios."""
    figures: dict[str, float | str] = {}
    costs: dict[str, dict[str, float]] = {}
    for name in ("ours", "bare"):
        with _server(name) as (pid, port):
            costs[name] = {
                call: _cost(pid, port, _signed(port, *request[:3]), request[3])
                for call, request in CALLS.items()
            }
    with _server("moto") as (pid, port):
        costs["moto"] = _moto(pid, port)
    for call in CALLS:
        for name, cost in costs.items():
            figures[f"{call}.{name}_cpu_us"] = cost[call]
        over_bare = costs["ours"][call] / costs["bare"][call]
        figures[f"{call}.over_bare"] = over_bare
        figures[f"{call}.over_bare_of_goal"] = over_bare / GOAL_OVER_BARE
        figures[f"{call}.moto_over_ours_of_goal"] = (
            costs["moto"][call] / costs["ours"][call] / GOAL_OVER_MOTO
        )
    return figures


def _moto(pid: int, port: int) -> dict[str, float]:
    def create(number: int) -> bytes:
        body = b'{"BackupPlan":{"BackupPlanName":"plan-%d","Rules":[]}}' % number
        return _request(port, "PUT", "/backup/plans/", _backup, body)

    asyncio.run(_load(port, create, ITEMS))
    page = _request(port, "GET", "/backup/plans/?maxResults=100", _backup)
    vaults = _request(port, "GET", "/backup-vaults/", _backup)
    return {
        "status": _cost(pid, port, lambda _: vaults, 300),
        "page_of_100": _cost(pid, port, lambda _: page, 300),
        "create": _cost(pid, port, lambda number: create(number + ITEMS), 300),
    }


def _backup(made: AWSRequest) -> None:
    SigV4Auth(Credentials("AKID", "any"), "backup", "us-east-1").add_auth(made)


def _ours(made: AWSRequest) -> None:
    signer = Credentials(KEY.access_key_id, KEY.secret)
    SigV4Auth(signer, "auditmanager", "us-east-1").add_auth(made)


def _signed(port: int, method: str, target: str, body: bytes) -> Sent:
    sent = _request(port, method, target, _ours, body)
    return lambda _: sent


def _request(
    port: int, method: str, target: str, sign: Callable[[AWSRequest], None], body: bytes = b""
) -> bytes:
    headers = {"Host": f"127.0.0.1:{port}"}
    if body:
        headers |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    made = AWSRequest(method, f"http://127.0.0.1:{port}{target}", headers=headers, data=body)
    sign(made)
    lines = "".join(f"{name}: {value}\r\n" for name, value in made.headers.items())
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode() + body


@contextmanager
def _server(name: str) -> Iterator[tuple[int, int]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "bench.api_servers", name, str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait(port, process)
            yield process.pid, port
        finally:
            process.terminate()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise SystemExit("The benchmark's server ended at once.")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("The benchmark's server did not start.")


def _cost(pid: int, port: int, sent: Sent, count: int) -> float:
    """Return the server's CPU a request, in microseconds."""
    asyncio.run(_load(port, sent, min(WARM_UP, count // 3)))
    before = _cpu(pid)
    asyncio.run(_load(port, lambda number: sent(number + WARM_UP), count))
    return (_cpu(pid) - before) / count * 1e6


def _cpu(pid: int) -> float:
    """Return the seconds of CPU, user and system, that a process has used (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _load(port: int, sent: Sent, count: int) -> None:
    numbers = iter(range(count))
    await asyncio.gather(*(_connection(port, sent, numbers) for _ in range(CONNECTIONS)))


async def _connection(port: int, sent: Sent, numbers: Iterator[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in numbers:
        writer.write(sent(number))
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")):
            raise SystemExit(f"The benchmark's server answered {head[:80]!r}")
        length = head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
        await reader.readexactly(int(length))
        if b"onnection: close" in head:
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()


if __name__ == "__main__":
    for figure, value in run().items():
        print(figure, value)
