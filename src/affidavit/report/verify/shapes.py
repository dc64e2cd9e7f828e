"""The form of records: exactly these members, each of exactly this kind.

A member too many could say what nothing holds it to; a number written as text, or true for 1, could
be read in two ways.
"""

from collections.abc import Mapping
from typing import Any

from .failure import VerificationError

Shape = Mapping[str, type]

RUN: Shape = {
    **dict.fromkeys(("kind", "run_id", "assessment_id", "assessment_name", "tenant"), str),
    **dict.fromkeys(("previous", "framework_id", "framework_version", "catalogue_digest"), str),
    **dict.fromkeys(("day", "started_at", "finished_at", "tool", "parameters"), str),
    **dict.fromkeys(("sequence", "operations", "naive_operations", "calls", "evidence"), int),
    **dict.fromkeys(("first_leaf", "answers"), int),
    **dict.fromkeys(("accounts", "regions", "left_out"), list),
    **dict.fromkeys(("gaps", "controls"), dict),
    "answers_digest": str,
    "synthetic": bool,
}
CONTROL: Shape = {
    **dict.fromkeys(("control_set_id", "verdict", "manual"), str),
    **dict.fromkeys(("judged", "expected", "accounts", "regions"), int),
    **dict.fromkeys(("records", "gaps"), dict),
}
EVIDENCE: Shape = {
    **dict.fromkeys(("kind", "id", "assessment_id", "run_id", "control_set_id", "control_id"), str),
    **dict.fromkeys(("source_id", "source_type", "keyword", "evidence_type", "time"), str),
    **dict.fromkeys(("account_id", "region", "resource_arn", "resource_type", "verdict"), str),
    **dict.fromkeys(("standing", "reason", "gap", "check_id", "check_digest", "parameters"), str),
    **dict.fromkeys(("origin", "salt"), str),
    "inputs": list,
    "attributes": dict,
    "synthetic": bool,
}
_ASKED: Shape = dict.fromkeys(
    ("kind", "key", "service", "operation", "account_id", "region", "parameters"), str
)
OBSERVATION: Shape = {**_ASKED, "absent": str, "body_digest": str, "proof": dict}
GAP: Shape = {**_ASKED, **dict.fromkeys(("reason", "code", "message"), str), "proof": object}
PROOF: Shape = {
    **dict.fromkeys(("endpoint", "caller_arn", "started_at", "finished_at", "tool"), str),
    **dict.fromkeys(("request_ids", "redacted"), list),
    **dict.fromkeys(("pages", "attempts"), int),
    "synthetic": bool,
}
MANIFEST: Shape = {
    **dict.fromkeys(("report_id", "generated_at", "tool", "tenant", "completeness"), str),
    **dict.fromkeys(("observations", "attachments", "key_protection"), str),
    **dict.fromkeys(("assessment", "framework", "tree", "counts", "sealed", "choice"), dict),
    **dict.fromkeys(("period", "days_without_run"), list),
    "synthetic": bool,
}
CHOICE: Shape = {
    **dict.fromkeys(("by", "query", "understood", "seed", "digest"), str),
    **dict.fromkeys(("population", "records", "leaf"), int),
    "manual": list,
}


def check_shape(value: Any, shape: Shape, where: str, what: str) -> None:
    """Check that `value` is an object with exactly the members of `shape` and their kinds."""
    if type(value) is not dict:
        raise VerificationError(where, f"is not {what}")
    for name in sorted(set(shape) ^ set(value)):
        words = "lacks" if name in shape else "has the unknown member"
        raise VerificationError(where, f"is not {what}: it {words} {name!r}")
    for name, kind in shape.items():
        if kind is not object and type(value[name]) is not kind:
            raise VerificationError(where, f"is not {what}: its {name} is no {kind.__name__}")


def check_counts(value: Mapping[str, Any], where: str, what: str) -> None:
    """Check that an object holds whole numbers from 0 on."""
    for name, number in value.items():
        if type(number) is not int or number < 0:
            raise VerificationError(where, f"its {what} counts {number!r} of {name}")


def check_texts(value: list[Any], where: str, what: str) -> None:
    """Check that a list holds texts, none twice."""
    if not all(type(text) is str for text in value) or len(set(value)) != len(value):
        raise VerificationError(where, f"its {what} are not different texts")
