"""Bedrock's errors in our words: which `ErrorKind` an exception is."""

import re
from dataclasses import dataclass
from typing import Final

from botocore.eventstream import ParserError
from botocore.exceptions import ClientError, EventStreamError, IncompleteReadError
from urllib3.exceptions import HTTPError

from affidavit.aws.bedrock_bounds import CutOffError, TooLargeError
from affidavit.aws.errors import trouble
from affidavit.aws.limits import StoppedError
from affidavit.model.answering import ErrorKind
from affidavit.model.observation import GapReason

_KINDS: Final = {
    "ResourceNotFoundException": ErrorKind.NO_MODEL,
    "ServiceQuotaExceededException": ErrorKind.THROTTLED,
    "ModelErrorException": ErrorKind.MODEL,
    "ModelTimeoutException": ErrorKind.MODEL,
    "ModelNotReadyException": ErrorKind.MODEL,
    "InternalServerException": ErrorKind.MODEL,
    "ServiceUnavailableException": ErrorKind.MODEL,
    "ModelStreamErrorException": ErrorKind.BROKEN,
    "ValidationException": ErrorKind.INVALID,
}
"""By the errors of botocore's model of bedrock-runtime."""
_REASONS: Final = {
    GapReason.DENIED: ErrorKind.DENIED,
    GapReason.THROTTLED: ErrorKind.THROTTLED,
    GapReason.TIMED_OUT: ErrorKind.UNREACHABLE,
    GapReason.UNREACHABLE: ErrorKind.UNREACHABLE,
    GapReason.MALFORMED: ErrorKind.MALFORMED,
    GapReason.UNSUPPORTED_IN_REGION: ErrorKind.NO_MODEL,
}
_SAYS_MODEL: Final = re.compile(
    r"(?:model|guardrail) (?:identifier|id)\b|end of its life|on-demand throughput|\blegacy\b",
    re.IGNORECASE,
)
"""What Bedrock says in a ValidationException about a model that is none, or none any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why there is no answer."""

    kind: ErrorKind
    code: str
    """AWS's error code, or empty."""
    message: str
    """In words, with what AWS said."""


def failure(error: Exception, *, operation: str, endpoint: str, html: bool) -> Failure:
    """Return what `error` means; `html` tells that a web page was answered.

    Raises `error` where it is neither AWS's nor the network's trouble.
    """
    if isinstance(error, TooLargeError):
        return Failure(kind=ErrorKind.TOO_LARGE, code="", message=str(error))
    if isinstance(error, StoppedError):
        return Failure(kind=ErrorKind.UNREACHABLE, code="", message="Not sent: the run ended.")
    if isinstance(error, ParserError):
        message = f"{endpoint} sent what is no event stream: {error}"
        return Failure(kind=ErrorKind.MALFORMED, code="", message=message)
    if isinstance(error, (HTTPError, CutOffError, IncompleteReadError)):
        message = f"The answer of {endpoint} broke off: {type(error).__name__}: {error}"
        return Failure(kind=ErrorKind.BROKEN, code="", message=message)
    why = trouble(error, iam_action=f"bedrock:{_ACTIONS[operation]}", endpoint=endpoint, html=html)
    kind = _REASONS.get(why.reason, ErrorKind.MODEL)
    code = why.code
    if isinstance(error, ClientError) and not html:
        code = code[:1].upper() + code[1:] if isinstance(error, EventStreamError) else code
        kind = _kind(code, why.message, kind)
    elif why.reason is GapReason.FAILED:
        kind = ErrorKind.INVALID
    return Failure(kind=kind, code=code, message=why.message)


_ACTIONS: Final = {
    "Converse": "InvokeModel",
    "ConverseStream": "InvokeModelWithResponseStream",
    "InvokeModel": "InvokeModel",
    "InvokeModelWithResponseStream": "InvokeModelWithResponseStream",
    "ApplyGuardrail": "ApplyGuardrail",
    "InvokeGuardrailChecks": "InvokeGuardrailChecks",
}
"""The IAM action that allows an operation (service authorization reference)."""


def _kind(code: str, said: str, otherwise: ErrorKind) -> ErrorKind:
    if code == "ThrottlingException":
        return ErrorKind.THROTTLED
    if code == "ValidationException" and _SAYS_MODEL.search(said):
        return ErrorKind.NO_MODEL
    return _KINDS.get(code, otherwise)
