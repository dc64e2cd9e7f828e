"""The models that a suite names itself: `providers`, as promptfoo's users write them.

Read are Bedrock's models (`bedrock:ID`, `bedrock:completion:ID`, `bedrock:converse:ID`) with what
of their `config` says whom to ask and how. Whatever else would change an answer is refused by name,
never passed over.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from affidavit.prompts.suites_yaml import Node, refuse

_ENTRY: Final = frozenset({"id", "label", "config"})
_PLACES: Final[Mapping[str, str]] = {
    "region": "region",
    "guardrailIdentifier": "guardrail",
    "guardrailVersion": "guardrail_version",
}
_PARAMETERS: Final[Mapping[str, str]] = {
    "maxTokens": "max_tokens",
    "max_tokens": "max_tokens",
    "max_gen_len": "max_tokens",
    "temperature": "temperature",
    "topP": "top_p",
    "top_p": "top_p",
    "stopSequences": "stop_sequences",
    "stop_sequences": "stop_sequences",
}
_CALLERS: Final[Mapping[str, str]] = {"endpoint": "--endpoint-url", "profile": "--profile"}
"""To whom signed requests go, and whose: who runs a suite says that, and by which option."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9._:/-]{1,2048}")
"""What ids, ARNs and Regions consist of."""
_NO_MATTER: Final = frozenset({"trace", "inferenceModelType", "anthropic_version"})
"""A guardrail's trace is always asked for, and Converse knows a model's bodies itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A model that is asked, and how; empty members leave it to who runs the suite."""

    model_id: str
    region: str = ""
    guardrail: str = ""
    guardrail_version: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """`max_tokens`, `temperature`, `top_p`, `stop_sequences`."""


def read(name: str, node: Node) -> tuple[Provider, ...]:
    """Return the providers of a suite; raise `UsageError` for what is no model of Bedrock's."""
    entries = node.value if isinstance(node.value, list) else [node]
    found: dict[str, Provider] = {}
    for entry in entries:
        made = _provider(name, entry)
        if made.model_id in found:
            refuse(name, entry.line, f"{made.model_id} is named twice: keep one of them.")
        found[made.model_id] = made
    return tuple(found.values())


def _provider(name: str, node: Node) -> Provider:
    entry = node.value
    if isinstance(entry, str):
        return Provider(model_id=_model(name, node))
    if not isinstance(entry, dict) or not entry:
        refuse(name, node.line, "A provider is a text, or a mapping with `id`.")
    if "id" not in entry and len(entry) == 1:  # promptfoo's short form: the id is the key
        ((identifier, options),) = entry.items()
        members = options.value if isinstance(options.value, dict) else {}
        entry = {"id": Node(identifier, options.line), **members}
    unknown = sorted(set(entry) - _ENTRY)
    if unknown or "id" not in entry:
        says = f", and nothing else ({', '.join(unknown)})" if unknown else ""
        refuse(name, node.line, f"A provider has an `id`, may have `label` and `config`{says}.")
    config = entry.get("config", Node({}, node.line))
    if not isinstance(config.value, dict):
        refuse(name, config.line, "`config` is a mapping.")
    return Provider(model_id=_model(name, entry["id"]), **_configured(name, config.value))


def _model(name: str, node: Node) -> str:
    """Return the model's id; other things at Bedrock (agents, knowledge bases) are refused."""
    kind, _, rest = str(node.value).partition(":")
    for form in ("completion:", "converse:"):
        rest = rest.removeprefix(form)
    first = rest.partition(":")[0]
    known = kind == "bedrock" and (first == "arn" or "." in first)
    if not known or not _PLAIN.fullmatch(rest):
        refuse(
            name,
            node.line,
            f"The provider {node.value!r} is none that is asked here: these are `bedrock:MODEL`"
            " and `bedrock:converse:MODEL`. Take it out, and name a model with --model.",
        )
    return rest


def _configured(name: str, config: Mapping[str, Node]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    parameters: dict[str, Any] = {}
    for key, node in config.items():
        value = node.plain()
        if isinstance(value, str) and "{{" in value:
            refuse(name, node.line, f"`{key}` stands for a variable, of which a provider has none.")
        if _PARAMETERS.get(key) in parameters:
            refuse(name, node.line, f"`{key}` is said twice, in two spellings: keep one of them.")
        if key in _CALLERS:
            words = f"`config` has {key}: a file does not say whose signed requests go to whom."
            refuse(name, node.line, f"{words} Give it with {_CALLERS[key]}.")
        if key in _PLACES and type(value) in {str, int} and _PLAIN.fullmatch(str(value)):
            made[_PLACES[key]] = str(value)
        elif key in _PARAMETERS and _is_parameter(_PARAMETERS[key], value):
            parameters[_PARAMETERS[key]] = value
        elif key not in _NO_MATTER:
            refuse(
                name,
                node.line,
                f"`config` has {key}, which is not read here, or not as it is. Read are"
                f" {', '.join(sorted({*_PLACES, *_PARAMETERS}))}.",
            )
    return {**made, "parameters": parameters}


def _is_parameter(name: str, value: Any) -> bool:
    if name == "stop_sequences":
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if name == "max_tokens":
        return type(value) is int and value > 0
    return type(value) in {int, float} and 0 <= value < math.inf
