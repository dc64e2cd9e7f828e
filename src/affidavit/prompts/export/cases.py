"""What an export holds: the cases that need no detector, as requests and plain checks."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from affidavit.errors import UsageError
from affidavit.logscan.detectors.refusals import portable_rules
from affidavit.prompts import bodies, bodies_read, targets_converse
from affidavit.prompts.assertions import Assertion
from affidavit.prompts.export.canary_checks import KINDS
from affidavit.prompts.patterns import OF_ANSWERS
from affidavit.prompts.results import MAX_GAP
from affidavit.prompts.suite import Case, Suite
from affidavit.prompts.target import Request

_PORTABLE: Final = re.compile(
    r"(?:\(\?i\))?(?:[^\\()\[\]]|\\[bBdDsSwWntrf.\\^$|?*+()\[\]{}/-]|\[(?:[^\\\[\]]|\\[dswn\]\\^-])*\]|"
    r"\((?!\?)|\(\?:|\))*"
)
"""Regular expressions that mean the same to RE2, Python and JavaScript, once written alike."""
_PIECES: Final = re.compile(r"\\.|\[\^?(?:\\.|[^\\\]])*\]|.", re.DOTALL)
_SPACES: Final = r"\t\n\f\r "
"""What RE2 means by a blank."""
_WRITTEN: Final[Mapping[str, str]] = {
    ".": r"[^\n]",
    "$": r"$(?!\n)",
    r"\s": f"[{_SPACES}]",
    r"\S": f"[^{_SPACES}]",
}
"""Pieces that the three take differently, as all take them for what RE2 does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSettings:
    """What the exported prompts are sent to."""

    model_id: str
    region: str = ""
    guardrail_id: str = ""
    guardrail_version: str = ""
    max_tokens: int = 400
    blocked_messages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A suite as it is exported."""

    suite: Mapping[str, Any]
    """Content of `suite.json`."""
    prompts: tuple[tuple[str, Mapping[str, Any], Mapping[str, Any]], ...]
    """Of each exported case: its id, the body for InvokeModel, the parameters of Converse."""
    left_out: Mapping[str, str]
    """Cases that need Affidavit itself, with the reason."""


def export(suite: Suite, how: ExportSettings) -> Export:
    """Return what is exported; raise `UsageError` where no case can be."""
    family = bodies.family_of(how.model_id)
    text_only = bodies.is_text_only(how.model_id, family)
    left_out = {case.id: why for case in suite.cases if (why := _why_not(case))}
    cases = [case for case in suite.cases if case.id not in left_out]
    if not cases:
        raise UsageError(
            f"No case of the suite {suite.id} can be exported",
            why=next(iter(left_out.values())),
            todo="Run it with `affidavit prompts run`.",
        )
    requests = [_request(case, how) for case in cases]
    converse = [targets_converse.parameters(how.model_id, request) for request in requests]
    for one in converse:
        del one["modelId"]
    invoke = [bodies.body(family, how.model_id, one) if family else {} for one in requests]
    sent = invoke if text_only else converse
    version = how.guardrail_version or "DRAFT"
    content = {
        "id": suite.id,
        "digest": suite.digest,
        "kind": suite.kind,
        "modelId": how.model_id,
        "region": how.region,
        "api": "InvokeModel" if text_only else "Converse",
        "guardrailHeaders": (
            {
                "guardrailIdentifier": how.guardrail_id,
                "guardrailVersion": version,
                "trace": "ENABLED",
            }
            if how.guardrail_id
            else {}
        ),
        "httpHeaders": (
            {
                "x-amzn-bedrock-guardrailidentifier": how.guardrail_id,
                "x-amzn-bedrock-guardrailversion": version,
                "x-amzn-bedrock-trace": "ENABLED",
            }
            if how.guardrail_id
            else {}
        ),
        "paths": bodies_read.places(family) if text_only and family else {},
        "maxGap": MAX_GAP,
        "patterns": {**portable_rules(), "blocked": list(how.blocked_messages)},
        "cases": [_case(case, body) for case, body in zip(cases, sent, strict=True)],
    }
    prompts = tuple(zip((c.id for c in cases), invoke, converse, strict=True))
    return Export(suite=content, prompts=prompts, left_out=left_out)


def _request(case: Case, how: ExportSettings) -> Request:
    return Request(
        prompt=case.prompt,
        system=case.system,
        messages=case.messages,
        parameters={"max_tokens": how.max_tokens},
        guardrail_id=how.guardrail_id,
        guardrail_version=how.guardrail_version,
    )


def _case(case: Case, request: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": case.id,
        "family": case.family,
        "metadata": {
            k: written_alike(v) if k in OF_ANSWERS else v
            for k, v in case.metadata.items()
            if k != "reference"
        },
        "request": dict(request),
        "assertions": [
            {
                "type": one.type,
                "negated": one.negated,
                "value": written_alike(one.value) if one.type == "regex" else one.value,
                "filtered": one.filtered,
            }
            for one in case.assertions
        ],
    }


def written_alike(pattern: str) -> str:
    """Return a pattern of RE2 as Python (for ASCII) and JavaScript take it for the same."""
    return "".join(
        one.replace(r"\s", _SPACES) if one[0] == "[" else _WRITTEN.get(one, one)
        for one in _PIECES.findall(pattern)
    )


def _why_not(case: Case) -> str:
    """Return why a case cannot be exported, or nothing."""
    for assertion in case.assertions:
        why = _why_not_assertion(assertion)
        if why:
            return f"{assertion.name}: {why}"
    named = (case.metadata.get(k, "") for k in OF_ANSWERS)
    if not all(_PORTABLE.fullmatch(pattern) for pattern in named):
        return "its patterns do not mean the same in Python and JavaScript"
    return ""


def _why_not_assertion(assertion: Assertion) -> str:
    if assertion.type not in KINDS:
        return "it needs a detector or a scorer that the canary does not have"
    if assertion.type == "regex" and not _PORTABLE.fullmatch(assertion.value):
        return "its pattern does not mean the same in Python and JavaScript"
    return ""
