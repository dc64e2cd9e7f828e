"""Why a call to a model brought no answer."""

from enum import StrEnum


class ErrorKind(StrEnum):
    """Why a call brought no answer; what to do about it differs."""

    DENIED = "denied"
    """Access denied, or credentials that are none."""
    NO_MODEL = "no-model"
    """The model, profile or guardrail does not exist, is not here, or is retired."""
    INVALID = "invalid"
    """The service does not take the request as it is."""
    THROTTLED = "throttled"
    """Still too fast, or beyond a quota, after every repetition."""
    UNREACHABLE = "unreachable"
    """Nothing answered, or not in time."""
    BROKEN = "broken"
    """An answer began and broke off."""
    TOO_LARGE = "too-large"
    """The answer is larger than what is read."""
    MALFORMED = "malformed"
    """What came is no answer of the service or of the model."""
    MODEL = "model"
    """The model or the service failed."""
    NOT_RECORDED = "not-recorded"
    """The recording has no answer to this prompt."""
