"""A time-stamping service's answer is checked, and its failure is a value, never an exception."""

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from affidavit.ledger.stamp import NoStamp, Stamp, stamp
from affidavit.settings import Settings
from affidavit.store import open_store

NOTE = "affidavit/111122223333/us-east-1\n42\nroot\n\n\u2014 signature\n"

CONFIG = """
[tsa]
default_tsa = conf
[conf]
dir = {folder}
serial = $dir/serial
crypto_device = builtin
signer_cert = $dir/tsa.pem
signer_key = $dir/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_chain = no
ess_cert_id_alg = sha256
[ext]
extendedKeyUsage = critical,timeStamping
[req]
distinguished_name = name
[name]
"""


@contextmanager
def serving(answer: Callable[[bytes], tuple[int, bytes]]) -> Iterator[str]:
    """Serve `answer` on loopback; give the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, data = answer(body)
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/tsa"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], tuple[int, bytes]]:
    """Give a time-stamping authority made with OpenSSL."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tsa")
    (folder / "conf").write_text(CONFIG.format(folder=folder))
    (folder / "serial").write_text("01\n")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)

    openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "tsa.key", "-out", "tsa.pem",
        "-days", "2", "-subj", "/CN=test TSA", "-config", "conf", "-extensions", "ext",
    )  # fmt: skip

    def answer(body: bytes) -> tuple[int, bytes]:
        (folder / "query").write_bytes(body)
        openssl("ts", "-reply", "-config", "conf", "-queryfile", "query", "-out", "reply")
        return 200, (folder / "reply").read_bytes()

    return answer


def test_a_stamp(authority: Callable[[bytes], tuple[int, bytes]], tmp_path: Path) -> None:
    """A real authority's stamp is taken, and OpenSSL says that it is of the note."""
    with serving(authority) as url:
        found = stamp(NOTE, url)
    assert isinstance(found, Stamp), found
    assert abs(found.time - datetime.now(UTC)) < timedelta(minutes=5)
    (tmp_path / "note").write_bytes(NOTE.encode())
    (tmp_path / "token").write_bytes(found.token)
    shown = subprocess.run(
        ["openssl", "ts", "-reply", "-in", "token", "-text"],
        check=True, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert "Status: Granted" in shown.stdout


def test_a_stamp_is_kept(authority: Callable[[bytes], tuple[int, bytes]], tmp_path: Path) -> None:
    """The store asks once for a checkpoint's stamp and keeps it beside."""
    asked: list[bytes] = []

    def count(body: bytes) -> tuple[int, bytes]:
        asked.append(body)
        return authority(body)

    tenant = "111122223333/us-east-1"
    with serving(count) as url:
        settings = Settings(home=tmp_path / "home", keys=tmp_path / "keys", timestamp_url=url)
        with open_store(settings) as store:
            store.append_record(tenant, {"kind": "change", "id": "1"})
            store.sign_checkpoint(tenant)
            assert store.publish(tenant) == ()
            assert store.publish(tenant) == ()
            found = store.checkpoint(tenant)
    assert len(asked) == 1
    assert found is not None
    assert found.stamp is not None
    assert found.stamp_warning == ""


def test_a_stamp_of_something_else(authority: Callable[[bytes], tuple[int, bytes]]) -> None:
    """An answer about another note, or to another request, is no stamp."""
    recorded: list[bytes] = []

    def record(body: bytes) -> tuple[int, bytes]:
        status, data = authority(body)
        recorded.append(data)
        return status, data

    with serving(record) as url:
        assert isinstance(stamp(NOTE, url), Stamp)
    with serving(lambda _: (200, recorded[0])) as url:
        other, replayed = stamp(NOTE + "x", url), stamp(NOTE, url)
    assert isinstance(other, NoStamp)
    assert "something else" in other.reason
    assert isinstance(replayed, NoStamp)
    assert "another request" in replayed.reason


@pytest.mark.parametrize(
    ("status", "data"),
    [(500, b""), (302, b""), (200, b""), (200, b"nonsense"), (200, b"x" * (2 << 20))],
)
def test_odd_answers(status: int, data: bytes) -> None:
    """An error, a redirect, an empty, senseless or endless answer is a value with the reason."""
    with serving(lambda _: (status, data)) as url:
        found = stamp(NOTE, url)
    assert isinstance(found, NoStamp)
    assert "time-stamping service" in found.reason


def test_a_refusal(authority: Callable[[bytes], tuple[int, bytes]]) -> None:
    """A request that the authority refuses is a value with the authority's words."""
    with serving(lambda _: authority(b"not a query")) as url:
        found = stamp(NOTE, url)
    assert isinstance(found, NoStamp)
    assert "refused" in found.reason


def test_nobody_there() -> None:
    """A service that is not there, or hangs, is a value with the reason."""
    with serving(lambda _: (200, b"")) as url:
        pass
    assert isinstance(stamp(NOTE, url), NoStamp)
    release = threading.Event()

    def hang(_: bytes) -> tuple[int, bytes]:
        release.wait(60)
        return 500, b""

    with serving(hang) as url:
        found = stamp(NOTE, url, timeout=0.2)
        release.set()
    assert isinstance(found, NoStamp)
    assert "did not answer" in found.reason


@pytest.mark.parametrize(
    "url",
    [
        "http://tsa.example/",
        "ftp://tsa.example/",
        "file:///etc/passwd",
        "https://",
        "http://[",
        "x",
    ],
)
def test_odd_urls_are_refused(url: str) -> None:
    """Plain http is for loopback only, and nothing but http and https is asked."""
    assert isinstance(stamp(NOTE, url), NoStamp)
