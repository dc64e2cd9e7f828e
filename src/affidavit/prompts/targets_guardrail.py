"""What a guardrail did, from its trace: nothing, masking only, or withholding."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

_MASKED: Final = "ANONYMIZED"
_BLOCKED: Final = "BLOCKED"
_MAX_DEPTH: Final = 20


def action(trace: Mapping[str, Any], *, intervened: bool) -> str:
    """Return `INTERVENED`, `ANONYMIZED`, `NONE`, or nothing where no guardrail spoke.

    `intervened` is what the stop reason or the body's own field says. Only where every action of
    the trace is masking does the answer go on; without a trace an intervention is withholding.
    """
    done = set(_actions(trace, 0))
    if intervened:
        return _MASKED if done and done <= {_MASKED, "NONE"} and _MASKED in done else "INTERVENED"
    if _BLOCKED in done:
        return "INTERVENED"
    if _MASKED in done:
        return _MASKED
    return "NONE" if trace else ""


def _actions(value: Any, depth: int) -> Iterator[str]:
    """Yield every `action` of the trace, at any place: policies differ in their form."""
    if depth > _MAX_DEPTH:
        yield _BLOCKED  # what cannot be read to its end must not pass for masking only
    elif isinstance(value, Mapping):
        for name, member in value.items():
            if name == "action" and isinstance(member, str):
                yield member
            else:
                yield from _actions(member, depth + 1)
    elif isinstance(value, list):
        for member in value:
            yield from _actions(member, depth + 1)
