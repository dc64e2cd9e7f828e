"""The API's cost a request: CPU of the server process, against a bare handler and moto's server.

Ours: SigV4 verified, request validated, answer serialised, operation in a worker thread; the
operation itself does nothing. Bare: an async Starlette handler that sends the same JSON, unsigned.
moto: comparable calls of AWS Backup (rest-json too): GET backup-vaults, a page of 100 plans,
CreateBackupPlan. Real: the installation as it is served, with its database, access keys, ledger and
evidence. The load comes from this process over sixteen connections; only the server's CPU
counts, with its threads.
"""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import uvloop
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.free_ports import free_port

from bench.api_real import installation
from bench.api_servers import ITEMS, KEY, UUID

CONNECTIONS = 16
WARM_UP = 200
ROUNDS = 3
ASSESSMENTS = 60
"""Created on the real installation, with a third of it before to warm up; it has room for 100."""
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
    "status": ("GET", "/account/status", b"", 2000),
    "page_of_100": ("GET", _PAGE, b"", 800),
    "create": ("POST", "/assessments", _CREATE, 1500),
}


def run() -> Mapping[str, float | str]:
    """Measure all servers; microseconds of CPU (the best of some rounds) and ratios."""
    with _server("ours") as ours, _server("bare") as bare, _server("moto") as moto:
        rounds = [
            {"ours": _calls(*ours), "bare": _calls(*bare), "moto": _moto(*moto, number)}
            for number in range(ROUNDS)
        ]
    costs = {
        name: {call: min(one[name][call] for one in rounds) for call in CALLS}
        for name in ("ours", "bare", "moto")
    }
    figures: dict[str, float | str] = {}
    for call in CALLS:
        for name, cost in costs.items():
            figures[f"{call}.{name}_cpu_us"] = cost[call]
        over_bare = costs["ours"][call] / costs["bare"][call]
        over_moto = costs["moto"][call] / costs["ours"][call]
        figures[f"{call}.over_bare"] = over_bare
        figures[f"{call}.over_bare_of_goal"] = over_bare / GOAL_OVER_BARE
        figures[f"{call}.moto_over_ours"] = over_moto
        figures[f"{call}.moto_over_ours_of_goal"] = over_moto / GOAL_OVER_MOTO
    for call, real in _real().items():
        figures[f"{call}.real_cpu_us"] = real
        figures[f"{call}.real_over_bare"] = real / costs["bare"][call]
        figures[f"{call}.moto_over_real"] = costs["moto"][call] / real
    return figures


def _real() -> dict[str, float]:
    """Return the cost of the three calls on a real installation."""
    with installation() as real, _server("real", real.home) as (pid, port):
        place = f"/assessments/{real.assessment_id}/controlSets/{quote(real.control_set)}"
        page = f"{place}/evidenceFolders/{real.folder}/evidence?maxResults=100"
        create = _CREATE.replace(UUID.encode(), real.framework_id.encode())

        def sign(made: AWSRequest) -> None:
            signer = Credentials(real.key.access_key_id, real.key.secret)
            SigV4Auth(signer, "auditmanager", "us-east-1").add_auth(made)

        def cost(method: str, target: str, count: int) -> float:
            sent = _request(port, method, target, sign)
            return _cost(pid, port, lambda _: sent, count)

        def created(number: int) -> bytes:
            body = create.replace(b'"name":"bench"', b'"name":"bench %d"' % number)
            return _request(port, "POST", "/assessments", sign, body)

        return {
            "status": cost("GET", "/account/status", 1000),
            "page_of_100": cost("GET", page, 300),
            "create": _cost(pid, port, created, ASSESSMENTS),
        }


def _calls(pid: int, port: int) -> dict[str, float]:
    return {
        call: _cost(pid, port, _signed(port, *request[:3]), request[3])
        for call, request in CALLS.items()
    }


def _moto(pid: int, port: int, number: int) -> dict[str, float]:
    def create(index: int) -> bytes:
        name = b"plan-%d-%d" % (number, index)
        body = b'{"BackupPlan":{"BackupPlanName":"%s","Rules":[]}}' % name
        return _request(port, "PUT", "/backup/plans/", _backup, body)

    if number == 0:
        uvloop.run(_load(port, lambda index: create(index + 10_000), ITEMS))
    page = _request(port, "GET", "/backup/plans/?maxResults=100", _backup)
    vaults = _request(port, "GET", "/backup-vaults/", _backup)
    return {
        "status": _cost(pid, port, lambda _: vaults, 200),
        "page_of_100": _cost(pid, port, lambda _: page, 200),
        "create": _cost(pid, port, create, 200),
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
def _server(name: str, *more: str) -> Iterator[tuple[int, int]]:
    port = free_port()
    command = [sys.executable, "-m", "bench.api_servers", name, str(port), *more]
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
    uvloop.run(_load(port, sent, min(WARM_UP, count // 3)))
    before = _cpu(pid)
    uvloop.run(_load(port, lambda number: sent(number + WARM_UP), count))
    return (_cpu(pid) - before) / count * 1e6


def _cpu(pid: int) -> float:
    """Return the seconds of CPU, of all threads, that a process has used.

    By its CPU clock, in nanoseconds (clock_getcpuclockid(3) makes the clock's number like this on
    Linux); /proc counts in ticks of 10 ms.
    """
    return time.clock_gettime(~pid << 3 | 2)


async def _load(port: int, sent: Sent, count: int) -> None:
    """Send `count` requests over the connections, each the next as soon as one is answered."""
    numbers = iter(range(count))
    loop = asyncio.get_running_loop()
    clients = [_Client(sent, numbers, port) for _ in range(CONNECTIONS)]
    for client in clients:
        await loop.create_connection(client.itself, "127.0.0.1", port)
    await asyncio.gather(*(client.finished for client in clients))


class _Client(asyncio.Protocol):
    """One connection; lean, so that it is the server that is busy."""

    def __init__(self, sent: Sent, numbers: Iterator[int], port: int) -> None:
        self.finished = asyncio.get_running_loop().create_future()
        self._sent, self._numbers, self._port = sent, numbers, port
        self._missing, self._head = 0, b""
        self._again = False

    def itself(self) -> "_Client":
        """Return itself: what a connection calls its protocol's maker."""
        return self

    def connection_made(self, transport: Any) -> None:
        """Send the first request."""
        self._transport = transport
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        """Come again where the server closes after each answer, as moto does."""
        if self._again:
            self._again = False
            loop = asyncio.get_running_loop()
            self._task = loop.create_task(
                loop.create_connection(self.itself, "127.0.0.1", self._port)
            )
        elif not self.finished.done():
            self.finished.set_exception(exc or ConnectionError("closed in an answer"))

    def data_received(self, data: bytes) -> None:
        """Count the answer's bytes; send the next request when it is whole."""
        if self._missing:
            self._missing -= len(data)
        else:
            head, end, body = (self._head + data).partition(b"\r\n\r\n")
            if not end:
                self._head = head
                return
            self._head = b""
            if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")):
                raise SystemExit(f"The benchmark's server answered {head[:80]!r}")
            lowered = head.lower()
            length = lowered.split(b"content-length: ")[1].split(b"\r\n")[0]
            self._again = b"connection: close" in lowered
            self._missing = int(length) - len(body)
        if not self._missing and not self._again:
            self._next()

    def _next(self) -> None:
        number = next(self._numbers, None)
        if number is None:
            self._again = False
            self.finished.set_result(None)
            self._transport.close()
        else:
            self._transport.write(self._sent(number))


if __name__ == "__main__":
    for figure, value in run().items():
        print(figure, value)
