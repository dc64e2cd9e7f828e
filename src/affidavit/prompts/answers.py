"""An answer, and what became of it: given, withheld, missing, or an error instead."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from affidavit.logscan.detectors.refusals import INTERVENED, STOP_REASONS
from affidavit.model.answering import ErrorKind

__all__ = ["Answer", "ErrorKind", "State"]


class State(StrEnum):
    """What became of a prompt. Three of the four are no answer, and each is another thing."""

    GIVEN = "given"
    FILTERED = "filtered"
    """The service withheld the answer: its stop reason or its guardrail says so."""
    MISSING = "missing"
    """The call succeeded and brought no text."""
    FAILED = "failed"
    """The call did not succeed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a target gave for one prompt."""

    text: str | None = None
    stop_reason: str = ""
    """As the service wrote it: `end_turn`, `guardrail_intervened`, …"""
    guardrail_action: str = ""
    """`NONE`, `INTERVENED`, or `ANONYMIZED` where a guardrail only masked and the answer went on.

    Bedrock says GUARDRAIL_INTERVENED for both; the caller tells them apart by the actions of the
    trace's entities.
    """
    error: str = ""
    """Why there is no answer: the error's code and message. `text` may hold what came before it."""
    latency_ms: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    error_kind: str = ""
    """Which of `ErrorKind`'s it is, where there is an error."""
    request_id: str = ""
    """AWS's; the invocation log has it too."""
    model_id: str = ""
    """What was asked: a model id, or the ARN of a profile or of provisioned throughput."""
    api: str = ""
    """`Converse`, `ConverseStream`, `InvokeModel` or `InvokeModelWithResponseStream`."""
    guardrail_trace: Mapping[str, Any] = field(default_factory=dict)
    """The service's trace as it came: it holds raw personal data and blocked text."""
    raw_request: Mapping[str, Any] = field(default_factory=dict)
    """What was sent: Converse's parameters, or the model's body."""
    raw_answer: Mapping[str, Any] = field(default_factory=dict)
    """What came, as JSON; a stream's events stand in `events`. Empty where it was no JSON."""
    attempts: int = 0
    """HTTP requests it took; 0 for a recorded answer."""
    endpoint: str = ""
    """Scheme, host and port that answered."""
    synthetic: bool = False
    """Whether who answered was certainly not AWS."""

    @property
    def is_untold(self) -> bool:
        """Tell whether a guardrail intervened in a model's answer and left no trace of how.

        So it is where the account enforces a guardrail that the call did not name.
        """
        action, stop = self.guardrail_action.lower(), self.stop_reason.lower()
        intervened = action in INTERVENED or (stop in INTERVENED and not action)
        told = self.guardrail_trace or self._is_filtered
        return bool(self.endpoint) and intervened and not told

    @property
    def _is_filtered(self) -> bool:
        """Tell whether the model itself stopped, whatever a guardrail did besides."""
        return self.stop_reason.lower() in STOP_REASONS - INTERVENED

    @property
    def state(self) -> State:
        """Return what became of the prompt; masked by a guardrail is still given.

        So is what a guardrail did something to that nobody tells: its text is looked at.
        """
        if self.error:
            return State.FAILED
        masked = self.guardrail_action.upper() == "ANONYMIZED" and not self._is_filtered
        withheld = (
            self.stop_reason.lower() in STOP_REASONS or self.guardrail_action.lower() in INTERVENED
        )
        if withheld and not masked and not self.is_untold:
            return State.FILTERED
        return State.GIVEN if self.text and self.text.strip() else State.MISSING
