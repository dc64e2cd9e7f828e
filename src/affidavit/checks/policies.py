"""Policy documents as checks read them: statements whose members are always lists of strings.

What IAM spells in many ways is brought to one, and always to the side that cannot hide a wide
permission behind a narrow spelling:

- An Allow with NotAction, NotResource or NotPrincipal is wide: it counts as `*`. A Deny with one of
  them denies *less* than all: its member is empty, so that no check takes it for a Deny of all.
- Actions are not case-sensitive and know wildcards. The service is written in lower case; runs of
  `*` are one; `*:*` is `*`; an action of Bedrock that matches one of the invoking actions names
  them besides (`Bedrock:invoke*` adds bedrock:Invoke*, bedrock:InvokeModel and its stream).
- Principals lose the type key AWS; other types keep it before a `*` in a Deny, because only AWS `*`
  is everybody.
"""

import json
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote

from affidavit.checks.facts import Facts
from affidavit.model.observation import Observation

Statement = dict[str, Any]

INVOKING = (
    "bedrock:*",
    "bedrock:Invoke*",
    "bedrock:InvokeModel",
    "bedrock:InvokeModelWithResponseStream",
    "bedrock-runtime:*",
    "bedrock-mantle:*",
)
"""Spellings that checks look for; a pattern that covers one of them is given it besides."""

CONDITION_KEYS = {
    key.lower(): key
    for key in ("aws:SecureTransport", "aws:SourceArn", "aws:SourceAccount", "aws:PrincipalOrgID")
}
"""Condition keys in the spelling that checks use; IAM does not tell cases apart."""

_STARS = re.compile(r"\*+")


class PolicyError(ValueError):
    """A policy document that is not JSON or not a policy; says what is wrong."""


def statements(document: object) -> list[Statement]:
    """Return the normalised statements of a policy: JSON text (URL-encoded or not) or a mapping.

    Raises `PolicyError` where it is not a policy: nothing may be concluded from it.
    """
    policy = _parsed(document)
    given = policy.get("Statement")
    found = [given] if isinstance(given, Mapping) else given
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise PolicyError("the policy has no list of statements")
    return [_statement(one) for one in found]


def _parsed(document: object) -> Mapping[str, Any]:
    if isinstance(document, Mapping):
        return document
    if not isinstance(document, str):
        raise PolicyError("the policy is neither text nor an object")
    text = unquote(document) if document.lstrip().startswith("%") else document
    try:
        policy = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"the policy is not JSON: {error}") from error
    if not isinstance(policy, Mapping):
        raise PolicyError("the policy is not a JSON object")
    return policy


def _statement(given: Mapping[str, Any]) -> Statement:
    effect = given.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise PolicyError(f"a statement has the effect {effect!r}")
    allow = effect == "Allow"
    if not {"Action", "NotAction"} & given.keys():
        raise PolicyError("a statement has neither Action nor NotAction")
    statement: Statement = {
        "Effect": effect,
        "Principal": list(_principals(given, allow=allow)),
        "Action": _actions(_member(given, "Action", allow=allow)),
        "Resource": [_STARS.sub("*", r) for r in _member(given, "Resource", allow=allow)],
        "Condition": _conditions(given.get("Condition", {})),
    }
    if isinstance(given.get("Sid"), str):
        statement["Sid"] = given["Sid"]
    return statement


def _member(given: Mapping[str, Any], name: str, *, allow: bool) -> list[str]:
    """Return a member as a list; its Not-form is all of them in an Allow, none in a Deny."""
    if f"Not{name}" in given:
        return ["*"] if allow else []
    return _strings(given.get(name, []), name)


def _strings(value: object, where: str) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [_string(one, where) for one in values]


def _string(value: object, where: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise PolicyError(f"{where} holds {type(value).__name__}, not text")


def _principals(given: Mapping[str, Any], *, allow: bool) -> Iterator[str]:
    if "NotPrincipal" in given:
        yield from ["*"] if allow else []
        return
    principal = given.get("Principal", [])
    if not isinstance(principal, Mapping):
        yield from _strings(principal, "Principal")
        return
    for kind, value in principal.items():
        for one in _strings(value, "Principal"):
            yield one if kind == "AWS" or one != "*" or allow else f"{kind}:*"


def _conditions(given: object) -> dict[str, dict[str, list[str]]]:
    if not isinstance(given, Mapping):
        raise PolicyError("Condition is not an object")
    found: dict[str, dict[str, list[str]]] = {}
    for operator, keys in given.items():
        if not isinstance(keys, Mapping):
            raise PolicyError(f"Condition.{operator} is not an object")
        found[operator] = {
            CONDITION_KEYS.get(str(key).lower(), str(key)): _strings(value, f"Condition.{operator}")
            for key, value in keys.items()
        }
    return found


def _actions(given: list[str]) -> list[str]:
    found: dict[str, None] = {}
    for action in given:
        plain = action_pattern(action)
        found[plain] = None
        if plain != "*":
            found.update(dict.fromkeys(known for known in INVOKING if _covers(plain, known)))
    return list(found)


def action_pattern(action: str) -> str:
    """Return an action with its service in lower case, runs of `*` as one, `*:*` as `*`."""
    service, colon, name = _STARS.sub("*", action.strip()).partition(":")
    if service == "*" and name in ("", "*"):
        return "*"
    return f"{service.lower()}{colon}{name}"


def _covers(pattern: str, known: str) -> bool:
    """Tell whether an action pattern allows at least what `known` does, cases ignored.

    Most actions are of other services: they are no patterns that anybody keeps compiled.
    """
    service = pattern.partition(":")[0].lower()
    if not {"*", "?"} & set(service) and service != known.partition(":")[0]:
        return False
    return fnmatchcase(known.lower(), _fnmatch(pattern))


def _fnmatch(pattern: str) -> str:
    """Return an IAM pattern as fnmatch reads it: IAM knows * and ?, no brackets."""
    return pattern.lower().replace("[", "[[]")


def allows_service(found: list[Statement], service: str) -> bool:
    """Tell whether an Allow among the statements names any action of services that start so."""
    return any(
        statement["Effect"] == "Allow"
        and any(a == "*" or _of_service(a, service) for a in statement["Action"])
        for statement in found
    )


def _of_service(action: str, service: str) -> bool:
    prefix = action.partition(":")[0]
    return prefix.startswith(service) or fnmatchcase(service, _fnmatch(prefix))


def partition_of(facts: Facts, region: str) -> str:
    """Return the partition: of the caller's ARN where one is known, else by the Region's name."""
    for result in facts:
        if isinstance(result, Observation) and result.proof.caller_arn.startswith("arn:"):
            return result.proof.caller_arn.split(":")[1]
    for prefix, partition in (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov")):
        if region.startswith(prefix):
            return partition
    return "aws"
