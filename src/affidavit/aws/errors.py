"""AWS's errors in our words: which `GapReason` an exception is, and what to do about it."""

import re
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    EndpointProviderError,
    HTTPClientError,
    LoginError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    SSOError,
    TokenRetrievalError,
    UnknownRegionError,
)
from botocore.exceptions import (
    ConnectionError as BotoConnectionError,
)
from botocore.parsers import ResponseParserError
from urllib3.exceptions import NameResolutionError

from affidavit.aws import redact
from affidavit.aws.shapes import ShapeError
from affidavit.model.observation import GapReason

CALL_ERRORS: Final = (BotoCoreError, ClientError)
"""What a call by a client that others made may raise."""
CREDENTIAL_CODES = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "TokenRefreshRequired",
        "InvalidClientTokenId",
        "InvalidAccessKeyId",
        "InvalidToken",
        "UnrecognizedClientException",
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "AuthFailure",
    }
)
"""The credentials were not accepted: expired, unknown, of a Region that is not enabled, or signed
with by a clock that is minutes off."""

_DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AllAccessDisabled",
        "AuthorizationError",
        "AuthorizationErrorException",
        "Forbidden",
        "ForbiddenException",
        "KMSAccessDeniedException",
        "NotAuthorized",
        "UnauthorizedException",
        "UnauthorizedOperation",
    }
)

_THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)

_NOT_ENABLED = frozenset(
    {
        "AWSOrganizationsNotInUseException",
        "InsightNotEnabledException",
        "InvalidAccessException",
        "NoAvailableConfigurationRecorder",
        "NoAvailableConfigurationRecorderException",
        "NoSuchConfigurationRecorderException",
        "NotSignedUp",
        "OptInRequired",
        "SubscriptionRequiredException",
    }
)

_UNSUPPORTED = frozenset(
    {
        "InvalidAction",
        "OperationNotSupportedException",
        "UnknownOperation",
        "UnknownOperationException",
        "UnsupportedOperation",
        "UnsupportedOperationException",
    }
)

_SAYS_REGION = re.compile(
    r"(?:not|n't|un)\s*(?:\w+\s+){0,3}(?:supported|available)\b.{0,60}\bregion"
    r"|\bregion\b.{0,60}(?:not|n't|un)\s*(?:\w+\s+){0,3}(?:supported|available)",
    re.IGNORECASE | re.DOTALL,
)

_TIMEOUT_CODES = frozenset({"RequestTimeout", "RequestTimeoutException"})

UNREADABLE = (ResponseParserError, ShapeError)
"""What says that an answer is not of its protocol or shape."""

PARSER_TROUBLE = (
    *(ValueError, KeyError, TypeError, AttributeError, IndexError, ArithmeticError),
    RecursionError,
)
"""What botocore's parsers let slip when an answer is garbage, or nested without end."""

NO_CREDENTIALS = (
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    CredentialRetrievalError,
    LoginError,
    SSOError,
    TokenRetrievalError,
)
"""There are no credentials, or they could not be fetched."""

HTTP_FORBIDDEN = 403
HTTP_TOO_MANY = 429


class PagesError(Exception):
    """The pages of an answer do not hang together, or are too many."""

    def __init__(self, reason: GapReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why a question has no answer."""

    reason: GapReason
    code: str
    """AWS's error code, or empty."""
    message: str
    """In words."""


def trouble(error: Exception, *, iam_action: str, endpoint: str, html: bool) -> Trouble:
    """Return what `error` means; `html` tells that the last answer was a web page."""
    if html:
        return Trouble(
            reason=GapReason.MALFORMED,
            code=_code(error),
            message=f"{endpoint} answered with a web page instead of an API answer; what answers "
            "there is not this AWS service, or does not know the operation.",
        )
    if isinstance(error, ClientError):
        return _client_trouble(error, iam_action)
    if isinstance(error, PagesError):
        return Trouble(reason=error.reason, code="", message=str(error))
    return _transport_trouble(error, endpoint)


def _code(error: Exception) -> str:
    return str(error.response["Error"].get("Code", "")) if isinstance(error, ClientError) else ""


def _client_trouble(error: ClientError, iam_action: str) -> Trouble:
    answer: Any = error.response
    code = _code(error).removeprefix("Client.").removeprefix("Server.")
    if error.operation_name == "AssumeRole":
        iam_action = "sts:AssumeRole"  # the role's credentials were to be renewed
    said = redact.text(str(answer["Error"].get("Message") or "")).strip()
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    reason = _reason(code, said, status)
    words = {
        GapReason.DENIED: f"Access was denied; allow the action {iam_action}.",
        GapReason.THROTTLED: "AWS throttled the call, retries included; ask again later or slower.",
        GapReason.TIMED_OUT: "AWS says that the request timed out.",
        GapReason.NOT_ENABLED: "The service is not enabled in this account and Region.",
        GapReason.UNSUPPORTED_IN_REGION: "This Region does not offer the operation.",
    }.get(reason, "AWS answered with an error.")
    if code in CREDENTIAL_CODES:
        words = (
            "The credentials were not accepted: they have expired, this machine's clock is wrong, "
            "or the Region is not enabled for the account."
        )
    return Trouble(reason=reason, code=code, message=f"{words} {code}: {said}".rstrip(": "))


def _reason(code: str, said: str, status: int) -> GapReason:
    """Return the reason behind an error code; the more specific code goes before the status."""
    table = (
        (_THROTTLED, GapReason.THROTTLED),
        (_NOT_ENABLED, GapReason.NOT_ENABLED),
        (_UNSUPPORTED, GapReason.UNSUPPORTED_IN_REGION),
        (_DENIED | CREDENTIAL_CODES, GapReason.DENIED),
        (_TIMEOUT_CODES, GapReason.TIMED_OUT),
    )
    for codes, reason in table:
        if code in codes:
            return reason
    if _SAYS_REGION.search(said):
        return GapReason.UNSUPPORTED_IN_REGION
    by_status = {HTTP_FORBIDDEN: GapReason.DENIED, HTTP_TOO_MANY: GapReason.THROTTLED}
    return by_status.get(status, GapReason.FAILED)


def _transport_trouble(error: Exception, endpoint: str) -> Trouble:
    said = redact.text(" ".join(str(error).split()))
    for kinds, reason, words in (
        (
            (ReadTimeoutError, ConnectTimeoutError),
            GapReason.TIMED_OUT,
            f"{endpoint} did not answer in time.",
        ),
        (
            NO_CREDENTIALS,
            GapReason.DENIED,
            "There were no valid credentials for this call.",
        ),
        (
            (BotoConnectionError, HTTPClientError),
            GapReason.UNREACHABLE,
            f"{endpoint} could not be reached.",
        ),
        (UNREADABLE, GapReason.MALFORMED, f"The answer of {endpoint} could not be understood."),
        (
            (EndpointProviderError, UnknownRegionError),
            GapReason.UNSUPPORTED_IN_REGION,
            "botocore knows no endpoint for this service in this Region.",
        ),
        ((ParamValidationError,), GapReason.FAILED, "The question was not sent: it is not valid."),
        ((BotoCoreError,), GapReason.FAILED, "The call failed."),
        (PARSER_TROUBLE, GapReason.MALFORMED, f"The answer of {endpoint} could not be read."),
    ):
        if isinstance(error, kinds):
            return Trouble(
                reason=reason, code="", message=f"{words} {type(error).__name__}: {said}"
            )
    raise error


def name_unknown(error: Exception) -> bool:
    """Return whether the name service does not know the endpoint's host."""
    inner = error.kwargs.get("error") if isinstance(error, EndpointConnectionError) else None
    return isinstance(inner, NameResolutionError)
