"""What forms send is bounded whatever they say, and what is sent half is never taken for whole."""

import asyncio
import http.client
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message
from tests.console.served import serving

from affidavit.console import reading
from affidavit.console.forms import MAX_BYTES, OF_FILES
from affidavit.console.reading import FormReader
from affidavit.operations.faults import ThrottlingFault
from affidavit.store import Chosen

BOUND = OF_FILES + MAX_BYTES
"""Of a form with a file."""


def _request(parts: list[bytes], length: str | None = None) -> tuple[Request, list[bytes]]:
    """Return a multipart request of some parts, and the list of those that were not read yet."""
    body = [
        b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\n',
        *parts,
        b"\r\n--x--\r\n",
    ]
    said = str(sum(map(len, body))) if length is None else length
    left = list(body)

    async def receive() -> Message:
        part = left.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(left)}

    headers = [(b"content-type", b"multipart/form-data; boundary=x"), (b"content-length", b"")]
    headers[1] = (b"content-length", said.encode())
    return Request({"type": "http", "method": "POST", "headers": headers}, receive), left


def test_what_comes_is_counted() -> None:
    """A request that says that it is short, and is not, is refused where it has too much."""
    request, left = _request([bytes(BOUND)] * 3, length="100")

    async def read() -> None:
        """Read it."""
        async with FormReader().read(request, BOUND, "olga"):
            pytest.fail("It was taken.")

    with pytest.raises(HTTPException, match="too large") as refused:
        asyncio.run(read())
    assert refused.value.status_code == 413
    assert len(left) == 3


def test_what_is_too_large_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser shows why only when it could send everything; up to a bound, and kept nowhere."""
    for bound, unread in ((reading.MOST_DISCARDED, 0), (BOUND, 4)):
        monkeypatch.setattr(reading, "MOST_DISCARDED", bound)
        request, left = _request([bytes(BOUND)] * 4)

        async def read(request: Request) -> None:
            """Read it."""
            async with FormReader().read(request, BOUND, "olga"):
                pytest.fail("It was taken.")

        with pytest.raises(HTTPException, match="too large"):
            asyncio.run(read(request))
        assert len(left) == unread


def test_few_files_come_at_once() -> None:
    """A user may send two files at once, and all users together six; short forms do not count."""

    async def read() -> list[str]:
        """Return whose form was refused."""
        reader, refused = FormReader(), []
        held = []
        for user in ("olga", "olga", "olga", "dora", "dora", "arthur", "arthur", "nina", ""):
            taken = reader.read(_request([b"x"])[0], BOUND, user)
            try:
                await taken.__aenter__()
            except ThrottlingFault:
                refused.append(user)
            else:
                held.append(taken)
        short = reader.read(_request([b"x"])[0], MAX_BYTES, "olga")
        await short.__aenter__()
        for taken in (*held, short):
            await taken.__aexit__(None, None, None)
        async with reader.read(_request([b"x"])[0], BOUND, "olga") as form:
            assert form.files["file"].file.read() == b"x"
        return refused

    assert asyncio.run(read()) == ["olga", "nina"]


def test_what_comes_by_drops_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes room for other files, and what is fast enough may take longer than that."""
    monkeypatch.setattr(reading, "PATIENCE", 0.5)
    monkeypatch.setattr(reading, "SLOWEST", 60)

    async def read() -> str:
        """Return a file that is fast enough, once two that are not were refused."""
        reader = FormReader()
        for _ in range(reading.OF_ONE_USER + 1):
            with pytest.raises(HTTPException, match="too slowly") as refused:
                async with reader.read(_slowly(b"", pause=60), BOUND, "olga"):
                    pytest.fail("It was taken.")
            assert refused.value.status_code == 408
        async with reader.read(_slowly(b"x" * 40, pause=0.8), BOUND, "olga") as form:
            return str(form.files["file"].file.read(), "ascii")

    assert asyncio.run(read()) == "x" * 40


def _slowly(content: bytes, *, pause: float) -> Request:
    """Return a request whose second part comes after a pause."""
    request = _request([content])[0]
    parts, given = 0, request.receive

    async def receive() -> Message:
        """Receive a part."""
        nonlocal parts
        parts += 1
        if parts == 3:
            await asyncio.sleep(pause)
        return await given()

    return Request(request.scope, receive)


def test_who_may_not_send_a_file_is_refused_before(filled: Any) -> None:
    """The body of a persona that may not add evidence is not read, and so not spooled."""
    arthur = filled.client("arthur")
    cookies = "; ".join(f"{name}={value}" for name, value in arthur.cookies.items())
    sent: list[Message] = []

    async def receive() -> Message:
        """Fail."""
        pytest.fail("It was read.")

    async def send(message: Message) -> None:
        """Keep the answer."""
        sent.append(message)

    path = f"/console/assessments/{filled.assessment.id}/controls/{'0' * 8}/evidence"
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "scheme": "http", "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "server": ("localhost", 80), "client": ("127.0.0.1", 1),
        "headers": [
            (b"host", b"localhost"), (b"origin", b"http://localhost"),
            (b"cookie", cookies.encode()), (b"content-length", b"1000"),
        ],
    }  # fmt: skip
    asyncio.run(filled.app(scope, receive, send))
    assert sent[0]["status"] == 403


@pytest.mark.enable_socket
@pytest.mark.parametrize("coding", ["gzip", "identity"])
def test_a_table_that_breaks_off_does_not_look_whole(fresh: Any, coding: str) -> None:
    """Where evidence cannot be read, the download fails at the client, whose file is no table."""
    cookies = fresh.client("olga").cookies
    chosen = Chosen(tenant=fresh.assessment.tenant, assessments=(fresh.assessment.id,))
    for file in fresh.store.segment_files(chosen):
        file.path.unlink()
    headers = {
        "cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        "accept-encoding": coding,
    }
    with serving(fresh) as base:
        place = urlsplit(base)
        connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=60)
        connection.request("GET", f"{place.path}/finder/evidence.csv", headers=headers)
        answer = connection.getresponse()
        assert answer.status == 200
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
        connection.close()
