"""Model identifiers: the many ways in which CloudWatch, jobs and profiles name the same model.

A model is named by its id (`amazon.nova-pro-v1:0`), by an inference profile (`us.amazon.…`,
`global.anthropic.…`) or by an ARN of either. `plain_id` brings all of them to the id. What names a
thing of the account (a provisioned throughput, an application inference profile, a deployment of a
custom model) does not tell the model by itself; `resolve` looks it up.
"""

import re
from collections.abc import Mapping

_ARN = re.compile(r"^arn:[^:]+:(?:bedrock|sagemaker):[^:]*:[^:]*:([a-z-]+)/(.+)$")
_PROFILE_PREFIX = re.compile(r"^(?:[a-z]{2,6}(?:-[a-z]{2,6})?|global)\.(?=[a-z0-9-]+\.[a-z0-9])")
_CONTEXT = re.compile(r":(?:\d+k|mm)$")
_OWN = frozenset({"provisioned-model", "application-inference-profile", "custom-model-deployment"})

PROVIDERS = frozenset(
    {
        "ai21", "amazon", "anthropic", "cohere", "deepseek", "google", "luma", "meta", "minimax",
        "mistral", "moonshot", "moonshotai", "nvidia", "openai", "qwen", "stability", "twelvelabs",
        "writer", "zai",
    }
)  # fmt: skip
"""Providers that start a foundation model's id; after a prefix they make it a profile."""


def plain_id(name: str) -> str:
    """Return the model's id: without ARN, without the prefix of an inference profile.

    A provisioned throughput, a deployment of a custom model or an application inference profile
    stays as it is: its name says nothing of the model. A custom model becomes its id (`<base
    model>/<id>` for older ones).
    """
    arn = _ARN.match(name)
    if arn and arn[1] in _OWN:
        return name
    plain = arn[2] if arn else name
    shorter = _PROFILE_PREFIX.sub("", plain, count=1)
    return shorter if shorter.split(".", maxsplit=1)[0] in PROVIDERS else plain


def resolve(name: str, known: Mapping[str, str]) -> str:
    """Return the model's id, through `known` (ARN of the account's own thing -> model's name)."""
    return plain_id(known.get(name, name))


def is_resolved(model_id: str) -> bool:
    """Tell whether an id from `resolve` names a model rather than a thing of the account."""
    arn = _ARN.match(model_id)
    return arn is None or arn[1] not in _OWN


def spellings(model_id: str) -> tuple[str, ...]:
    """Return the id as foundation models may be listed: as it is, then without its context size."""
    shorter = _CONTEXT.sub("", model_id)
    return (model_id,) if shorter == model_id else (model_id, shorter)


def may_change(name: str) -> bool:
    """Tell whether a name is of a thing of the account that may be given another model.

    An endpoint may be made again with another one: its ARN holds only the name that it was given.
    """
    arn = _ARN.match(name)
    return arn is not None and arn[1] in {*_OWN, "endpoint"} - {"application-inference-profile"}
