"""Answers of a model are read up to a limit: whatever answers, memory stays bounded.

botocore reads an answer whole before anybody can look at it. So the client's HTTP session is
wrapped: what would be read at once is read here, piece by piece, and refused beyond the limit.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError, HTTPClientError, ReadTimeoutError
from urllib3.exceptions import HTTPError, ProtocolError
from urllib3.exceptions import ReadTimeoutError as UrllibReadTimeoutError

MAX_ANSWER: Final = 4 * 2**20
"""Bytes of one answer that are read; the largest context windows in use write less."""
_PIECE: Final = 65_536
_FIRST_ERROR_STATUS: Final = 300


class TooLargeError(Exception):
    """An answer went beyond the limit; the rest was not read."""

    def __init__(self, most: int) -> None:
        super().__init__(f"The answer is larger than {most} bytes; the rest was not read.")


class CutOffError(Exception):
    """An answer ended before all of it had come; it is not asked for again."""


class _Content:
    """An answer that was read, in the form that botocore reads one in."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        yield self._content


class BoundedSession:
    """An HTTP session of botocore that reads no answer beyond `most` bytes."""

    def __init__(self, inner: Any, most: int) -> None:
        self._inner = inner
        self._most = most

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        """Send, and read the answer unless it is one that the caller reads as a stream."""
        streams, request.stream_output = request.stream_output, True
        response: AWSResponse = self._inner.send(request)
        if streams and response.status_code < _FIRST_ERROR_STATUS:
            return response
        try:
            content = read(response.raw.stream(_PIECE, decode_content=True), self._most)
        except UrllibReadTimeoutError as error:
            raise ReadTimeoutError(endpoint_url=request.url, error=error) from error
        except ProtocolError as error:
            raise ConnectionClosedError(
                endpoint_url=request.url, error=error, request=request
            ) from error
        except HTTPError as error:
            raise HTTPClientError(error=error) from error
        except TooLargeError:
            response.raw.close()
            raise
        response.raw.release_conn()
        _require_all(response, len(content))
        headers: Any = response.headers
        return AWSResponse(response.url, response.status_code, headers, _Content(content))

    def close(self) -> None:
        """Close the session that was wrapped."""
        self._inner.close()


def _require_all(response: AWSResponse, arrived: int) -> None:
    promised = response.headers.get("content-length")
    is_whole = not promised or "content-encoding" in response.headers
    if is_whole or response.status_code >= _FIRST_ERROR_STATUS:
        return
    if str(promised) != str(arrived):
        raise CutOffError(f"{arrived} of {promised} bytes arrived")


def read(pieces: Iterable[bytes], most: int) -> bytes:
    """Return all pieces as one; raise `TooLargeError` beyond `most` bytes."""
    content = bytearray()
    for piece in pieces:
        content += piece
        if len(content) > most:
            raise TooLargeError(most)
    return bytes(content)


def bound(client: Any, most: int) -> None:
    """Make `client` read no answer beyond `most` bytes; a second time does nothing."""
    endpoint = client._endpoint  # noqa: SLF001 - botocore has no other door to its HTTP session
    if not isinstance(endpoint.http_session, BoundedSession):
        endpoint.http_session = BoundedSession(endpoint.http_session, most)
