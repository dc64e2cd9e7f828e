"""Presigned files: streamed to disk and hashed, bounded, refused when the URL is not good."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import urllib3
from tests.api.conftest import PATIENCE

from affidavit import catalogue
from affidavit.api import files
from affidavit.api.files import Files
from affidavit.operations import uploads
from affidavit.operations.accounts import deregister_account, register_account
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.uploads import get_evidence_file_upload_url, newest
from affidavit.settings import Settings
from affidavit.store import open_store

CALLER = Caller(
    account_id="111122223333",
    region="us-east-1",
    principal_arn="arn:aws:iam::111122223333:role/AuditOwner",
    role="owner",
    request_id="test",
)


async def _nothing(_scope: Any, _receive: Any, send: Any) -> None:
    """Stand for the API: say that the request was passed on."""
    await send({"type": "http.response.start", "status": 418, "headers": []})
    await send({"type": "http.response.body", "body": b""})


class Door:
    """A server of files, and the way to ask for a URL."""

    def __init__(self, context: Context, url: str) -> None:
        self.context = context
        self.url = url
        self.http = urllib3.PoolManager(retries=False)

    def upload_url(self, name: str = "a.pdf") -> str:
        """Return a URL to upload to."""
        answer = get_evidence_file_upload_url(self.context, CALLER, {"fileName": name})
        return str(answer["uploadUrl"])

    def put(self, url: str, body: Any, **headers: str) -> int:
        """Return the status of a PUT."""
        headers = {"x-amz-server-side-encryption": "aws:kms", **headers}
        return self.http.request("PUT", url, body=body, headers=headers).status

    def files(self) -> list[Path]:
        """Return the files that are kept for the tenant."""
        return sorted(self.context.store.objects.glob("*/*/attachments/*"))


@pytest.fixture
def door(tmp_path: Path, serving: Callable[..., Iterator[Any]], recorder: Any) -> Iterator[Door]:
    """Serve files from a new store on loopback."""
    settings = Settings(home=tmp_path / "home", keys=tmp_path / "keys")
    with open_store(settings) as store:
        context = Context(store=store, catalogue=catalogue.load(), settings=settings)
        register_account(context, CALLER, {})
        app = Files(_nothing, context)
        for served in serving(app, recorder):
            context = Context(
                store=store,
                catalogue=context.catalogue,
                settings=settings,
                endpoint_url=served.url,
            )
            made = Door(context, served.url)
            yield made
            made.http.clear()


def test_a_file_is_kept_under_its_digest(door: Door) -> None:
    """Several megabytes arrive whole, and lie there sealed; the upload names digest and size."""
    body = bytes(range(256)) * 20_000
    assert door.put(door.upload_url(), body) == HTTPStatus.OK
    digest = sha256(body).hexdigest()
    upload = newest(door.context, CALLER, "a.pdf")
    assert upload is not None
    assert upload.body == {"sha256": digest, "size": len(body)}
    (kept,) = door.files()
    assert digest not in kept.name
    assert body[:4096] not in kept.read_bytes()
    assert b"".join(door.context.store.attachments.parts(CALLER.tenant, digest)) == body


def test_a_url_takes_one_file(door: Door) -> None:
    """A client that got no answer sends the same file again; nobody replaces it with another."""
    url = door.upload_url()
    assert door.put(url, b"one") == HTTPStatus.OK
    assert door.put(url, iter([b"o", b"ne"])) == HTTPStatus.OK
    assert door.put(url, b"two") == HTTPStatus.CONFLICT
    found = newest(door.context, CALLER, "a.pdf")
    assert found is not None
    assert found.body["sha256"] == sha256(b"one").hexdigest()
    assert len(door.files()) == 1


def test_of_two_at_once_one_counts(door: Door) -> None:
    """Two files sent to one URL at the same time: one is taken, the other is told so."""
    url, begun = door.upload_url(), threading.Barrier(2)

    def body(data: bytes) -> Iterator[bytes]:
        yield data
        begun.wait(PATIENCE)
        yield data

    with ThreadPoolExecutor(2) as pool:
        sent = [pool.submit(door.put, url, body(data)) for data in (b"a", b"b")]
        assert sorted(one.result() for one in sent) == [HTTPStatus.OK, HTTPStatus.CONFLICT]


def test_one_tenant_leaves_room_for_others(door: Door) -> None:
    """Uploads of one tenant that do not end take a part of the places only."""
    begun, ended = threading.Semaphore(0), threading.Event()

    def dripping() -> Iterator[bytes]:
        while not ended.wait(0.05):
            yield b"x"
            begun.release()

    with ThreadPoolExecutor(files.AT_ONCE_OF_ONE) as pool:
        urls = [door.upload_url() for _ in range(files.AT_ONCE_OF_ONE)]
        slow = [pool.submit(door.put, url, dripping()) for url in urls]
        for _ in range(4 * len(urls)):
            assert begun.acquire(timeout=PATIENCE)
        assert door.put(door.upload_url(), b"x") == HTTPStatus.SERVICE_UNAVAILABLE
        ended.set()
        assert {one.result(PATIENCE) for one in slow} == {HTTPStatus.OK}
    assert door.put(door.upload_url(), b"x") == HTTPStatus.OK


def test_an_upload_without_end_is_ended(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that drips in for ever is refused after a while."""

    def dripping() -> Iterator[bytes]:
        while True:
            yield b"x"
            time.sleep(0.05)

    monkeypatch.setattr(files, "UPLOAD_SECONDS", 0.3)
    with suppress(urllib3.exceptions.ProtocolError):  # closed while it was still sending
        assert door.put(door.upload_url(), dripping()) == HTTPStatus.REQUEST_TIMEOUT
    assert newest(door.context, CALLER, "a.pdf") is None


def test_what_is_too_large_is_not_kept(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """More bytes than a file may have are refused, announced or not, and leave nothing."""
    monkeypatch.setattr(uploads, "MAX_BYTES", 1000)
    assert door.put(door.upload_url(), b"x" * 1001) == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    sent = iter([b"x" * 900, b"x" * 900])
    assert door.put(door.upload_url(), sent) == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert door.put(door.upload_url(), b"") == HTTPStatus.BAD_REQUEST
    assert door.files() == []


def test_bad_urls_are_refused(door: Door) -> None:
    """An altered URL, another method and an unknown file are 403; the rest is passed on."""
    url = door.upload_url()
    refused = HTTPStatus.FORBIDDEN
    assert door.put(url.replace("upload/1", "upload/2"), b"x") == refused
    assert door.put(url + "0", b"x") == refused
    assert door.http.request("GET", url).status == refused
    assert door.http.request("GET", f"{door.url}/_affidavit/files/").status == refused
    assert door.http.request("GET", f"{door.url}/account/status").status == HTTPStatus.IM_A_TEAPOT
    assert door.files() == []


def test_a_url_ends_with_the_account(door: Door) -> None:
    """What was given out before an account was deregistered is good no more."""
    url = door.upload_url()
    deregister_account(door.context, CALLER, {})
    assert door.put(url, b"x") == HTTPStatus.FORBIDDEN
    register_account(door.context, CALLER, {})
    assert door.put(url, b"x") == HTTPStatus.OK
