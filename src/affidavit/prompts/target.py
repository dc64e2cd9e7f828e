"""What a prompt is sent to, and what is sent.

A target answers one request; whatever the model or the service says, an error too, is an `Answer`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from affidavit.prompts.answers import Answer

__all__ = ["Answer", "Request", "Target"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One prompt, with everything that may change its answer."""

    prompt: str
    """The last user message; where `messages` are given, it follows them."""
    system: str = ""
    messages: tuple[Mapping[str, str], ...] = ()
    """Earlier turns, oldest first: {"role": "user" | "assistant", "text": …}."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """`max_tokens`, `temperature`, `top_p`, `stop_sequences`; others pass as they are."""
    guardrail_id: str = ""
    """Id or ARN; empty: no guardrail."""
    guardrail_version: str = ""
    """A number, or `DRAFT`, which is also what empty means."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Stands in the invocation log as `requestMetadata`: suite, run, case."""
    stream: bool = False


class Target(Protocol):
    """Something that answers prompts; used by many threads at once."""

    @property
    def id(self) -> str:
        """Return what names it in results: `bedrock:amazon.nova-lite-v1:0`, `recorded:FILE`."""
        ...

    def ask(self, request: Request) -> Answer:
        """Return the answer; never raises for what the model or AWS answers: see `Answer.error`."""
        ...
