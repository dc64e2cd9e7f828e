"""Errors as the API answers them: status, `x-amzn-errortype`, and a body with a lower-case message.

Modelled errors (the operations' faults) take their status and members from the service model. The
front end's own errors, which no model lists, have theirs here; SDKs show them as plain client
errors with the code (checked with boto3 and the JavaScript SDK).
"""

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from affidavit.errors import AffidavitError
from affidavit.operations.faults import Fault, ThrottlingFault

MAX_TEXT: Final = 2048
"""The model's longest String; longer texts are cut."""
INTERNAL: Final = "InternalServerException"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One HTTP answer: `code` is the error's name, empty for a success."""

    status: int
    body: bytes
    code: str = ""
    retry_after: int | None = None
    close: bool = False
    """Close the connection: the request was not read whole, and nobody waits for its rest."""


class ApiError(AffidavitError):
    """Refused before any operation ran: `code` and `status` as AWS's front end has them."""

    def __init__(self, code: str, what: str, status: int = HTTPStatus.FORBIDDEN) -> None:
        super().__init__(what)
        self.code = code
        self.status = int(status)


def unknown_operation() -> ApiError:
    """Return the refusal of a method and path that the model does not have."""
    return ApiError(
        "UnknownOperationException",
        "No operation of Audit Manager has this method and path.",
        HTTPStatus.NOT_FOUND,
    )


def cannot_parse(what: str) -> ApiError:
    """Return the refusal of something that cannot be decoded at all."""
    return ApiError("SerializationException", what, HTTPStatus.BAD_REQUEST)


def too_large(limit: int) -> ApiError:
    """Return the refusal of a body of more than `limit` bytes."""
    return ApiError(
        "RequestEntityTooLargeException",
        f"The request body is longer than {limit} bytes.",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    )


def wrong_media_type(what: str) -> ApiError:
    """Return the refusal of a body that does not say it is JSON."""
    return ApiError("UnsupportedMediaTypeException", what, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)


def refused(error: ApiError) -> Answer:
    """Return the answer for a refusal of the front end."""
    return Answer(
        status=error.status, body=_body({"message": plain_text(error.what)}), code=error.code
    )


def faulted(fault: Fault, status: int) -> Answer:
    """Return the answer for a modelled error with the model's `status`."""
    members: dict[str, Any] = {"message": plain_text(fault.what), **fault.members()}
    return Answer(
        status=status,
        body=_body(members),
        code=fault.code,
        retry_after=fault.retry_after if isinstance(fault, ThrottlingFault) else None,
    )


def internal(request_id: str) -> Answer:
    """Return the answer for a failure of ours; it tells nothing but where to look."""
    text = f"The server failed. Its log says more under request id {request_id}."
    return Answer(
        status=HTTPStatus.INTERNAL_SERVER_ERROR, body=_body({"message": text}), code=INTERNAL
    )


def plain_text(text: str) -> str:
    """Return `text` as the model's String allows: one line, printable, at most 2048 characters."""
    line = "".join(character if character.isprintable() else " " for character in text)
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 1] + "…"


def _body(members: dict[str, Any]) -> bytes:
    return json.dumps(members).encode("ascii")
