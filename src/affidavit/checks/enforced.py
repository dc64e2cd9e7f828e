"""Guardrails that an account or its organization enforces upon every call, as a run met them.

A run of prompts meets them as the callers do, so that its answers may owe to them what no other
call gets once they are gone. What the account enforces, its own list tells, before and after the
run and again when it is judged. What the organization enforces no list of the account tells: only
the trace of an answer does.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from affidavit.checks.guardrail_names import Named, in_words, named
from affidavit.model.canonical import plain_json
from affidavit.model.observation import Gap, GapReason, Result

KEY: Final = "ListEnforcedGuardrailsConfiguration"
MEMBER: Final = "guardrailsConfig"
_EFFECT: Final = (
    "guardrailVersion", "modelEnforcement", "selectiveContentGuarding", "inputTags",
)  # fmt: skip
"""Members that say what an enforced guardrail does; the others say who set it, and when."""
_ORGANIZATION: Final = "ORGANIZATION_ENFORCED"
_INTERVENED: Final = frozenset({"intervened", "guardrail_intervened"})
"""What an answer says, as its stop reason or its guardrail's action, where one acted."""
_MAX_DEPTH: Final = 12


def told(result: Result) -> dict[str, Any]:
    """Return what a run keeps of the account's list: the guardrails, or why they are not known."""
    if isinstance(result, Gap):
        if result.reason is GapReason.UNSUPPORTED_IN_REGION:
            return {"guardrails": []}  # what cannot be set there is not enforced
        # Not AWS's message, which may differ each time: a killed run is known again by this.
        return {"unknown": f"{KEY}: {result.reason.words}"}
    return {"guardrails": in_force(result.body.get(MEMBER, ()))}


def in_force(configured: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return each enforced guardrail with what it applies to, as texts that can be compared."""
    return sorted(_text(one) for one in configured)


def _text(one: Mapping[str, Any]) -> str:
    identifier = str(one.get("guardrailId") or one.get("guardrailArn") or "")
    effect = {name: one[name] for name in _EFFECT if one.get(name)}
    return f"{identifier.rpartition('/')[2]} {plain_json(effect).decode()}"


def of_organization(trace: Any) -> set[Named]:
    """Return the guardrails that, by the trace of an answer, the organization enforced."""
    return set(_applied(trace, 0))


def _applied(value: Any, depth: int) -> Iterator[Named]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, list):
        for one in value:
            yield from _applied(one, depth + 1)
    elif isinstance(value, Mapping):
        if _ORGANIZATION in (value.get("guardrailOrigin") or ()):
            identifier = value.get("guardrailArn") or value.get("guardrailId")
            yield named(identifier or "?", value.get("guardrailVersion"))
        for one in value.values():
            yield from _applied(one, depth + 1)


def differs(
    run: Mapping[str, Any],
    answers: Sequence[Mapping[str, Any]],
    now: list[str] | None,
    *,
    bare_suffices: bool,
) -> str:
    """Return why a run does not speak for calls that meet what is enforced now; empty: it does.

    `now`: None where it is not known. `bare_suffices`: a run that met none speaks for calls that
    meet any.
    """
    kept = run.get("enforced") or {}
    if "guardrails" not in kept:
        why = kept.get("unknown") or "it was made by a version that did not ask"
        return f"it does not tell which guardrails the account enforced ({why})"
    by_organization = _by_organization(run, answers)
    if bare_suffices and not kept["guardrails"] and not by_organization:
        return ""
    if now is None:
        return "which guardrails the account enforces now is not known"
    if kept["guardrails"] != now:
        return (
            f"the account enforced {_listed(kept['guardrails'])} when it was made, and"
            f" {_listed(now)} now"
        )
    if by_organization:
        return (
            f"the organization enforced {by_organization} when it was made, and no list of the"
            " account tells whether it still does"
        )
    return ""


def _by_organization(run: Mapping[str, Any], answers: Sequence[Mapping[str, Any]]) -> str:
    """Return what the organization enforced, as far as answers tell; empty: nothing is told."""
    met = set().union(*(of_organization(one.get("guardrailTrace")) for one in answers))
    if met:
        return ", ".join(map(in_words, sorted(met)))
    named_any = run["guardrailId"] or run["enforced"]["guardrails"]
    acted = (
        _INTERVENED & {_lower(one, "stopReason"), _lower(one, "guardrailAction")} for one in answers
    )
    return "" if named_any or not any(acted) else "a guardrail"


def _lower(answer: Mapping[str, Any], name: str) -> str:
    return str(answer.get(name) or "").lower()


def words(run: Mapping[str, Any]) -> str:
    """Return, for people, what the account enforced while a run was made."""
    kept = run.get("enforced") or {}
    return _listed(kept["guardrails"]) if "guardrails" in kept else "not known"


def _listed(guardrails: list[str]) -> str:
    return ", ".join(guardrails) or "none"
