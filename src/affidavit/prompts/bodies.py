"""What InvokeModel takes: the body of a request in each family of models.

From Amazon Bedrock's user guide, "Inference request parameters and response fields", as kept in the
project's notes; `bodies_read` reads what comes back.
"""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final

from affidavit.prompts.target import Request

MAX_TOKENS: Final = 1024
"""Where a request names none: unset, Bedrock reserves the model's most, and throttles sooner."""
GENERAL: Final = ("max_tokens", "temperature", "top_p", "stop_sequences")
"""Parameters that every family has under a name of its own."""

Body = dict[str, Any]


class Family(StrEnum):
    """Models whose bodies have one form."""

    ANTHROPIC = "anthropic"
    ANTHROPIC_TEXT = "anthropic-text"
    TITAN = "titan"
    NOVA = "nova"
    LLAMA = "llama"
    MISTRAL = "mistral"
    MISTRAL_CHAT = "mistral-chat"
    COHERE_CHAT = "cohere-chat"
    COHERE_TEXT = "cohere-text"
    AI21_CHAT = "ai21-chat"
    AI21_TEXT = "ai21-text"
    DEEPSEEK = "deepseek"
    OPENAI = "openai"


TEXT_ONLY: Final = frozenset({Family.ANTHROPIC_TEXT, Family.COHERE_TEXT, Family.AI21_TEXT})
"""Families that complete a text and that Converse does not take."""
_LEGACY_TITAN: Final = "amazon.titan-tg1"
_PLACE: Final = re.compile(r"(?:us|eu|apac|global|us-gov|jp|au|ca|sa|me|af)\.(?=[a-z0-9-]+\.)")
_FAMILIES: Final = (
    (r"anthropic\.claude-(?:v1|v2|instant)", Family.ANTHROPIC_TEXT),
    (r"anthropic\.", Family.ANTHROPIC),
    (r"amazon\.titan-t", Family.TITAN),
    (r"amazon\.nova", Family.NOVA),
    (r"meta\.", Family.LLAMA),
    (r"mistral\.(?:mistral-7b|mixtral|mistral-large-2402|mistral-small-2402)", Family.MISTRAL),
    (r"mistral\.", Family.MISTRAL_CHAT),
    (r"cohere\.command-r", Family.COHERE_CHAT),
    (r"cohere\.command", Family.COHERE_TEXT),
    (r"ai21\.j2", Family.AI21_TEXT),
    (r"ai21\.", Family.AI21_CHAT),
    (r"deepseek\.r1", Family.DEEPSEEK),
    (r"(?:deepseek|openai|qwen|demo)\.", Family.OPENAI),
)


def family_of(model_id: str) -> Family | None:
    """Return the family of a model id, of an inference profile, or of a foundation model's ARN.

    None where the id does not tell: imported, custom and provisioned models.
    """
    name = _PLACE.sub("", model_id.rpartition("/")[2], count=1)
    return next((family for start, family in _FAMILIES if re.match(start, name)), None)


def is_text_only(model_id: str, family: Family | None) -> bool:
    """Return whether Converse does not take the model."""
    return family in TEXT_ONLY or _LEGACY_TITAN in model_id


def turns(request: Request) -> list[tuple[str, str]]:
    """Return role and text of every message, the prompt last."""
    earlier = [(m["role"], m["text"]) for m in request.messages]
    return [*earlier, ("user", request.prompt)]


def body(family: Family, model_id: str, request: Request) -> Body:
    """Return the body of `request` in the form of `family`."""
    return _BUILDERS[family](model_id, request)


def _named(request: Request, names: Mapping[str, str]) -> Body:
    """Return the general parameters under the family's names; those it has not are left as is."""
    given = {"max_tokens": MAX_TOKENS, **request.parameters}
    return {names.get(k, k): v for k, v in given.items() if k in GENERAL and k in names}


def _others(request: Request) -> Body:
    return {k: v for k, v in request.parameters.items() if k not in GENERAL}


def _said(request: Request) -> list[Body]:
    return [{"role": role, "content": text} for role, text in turns(request)]


def _chat(request: Request) -> list[Body]:
    system = [{"role": "system", "content": request.system}] if request.system else []
    return [*system, *_said(request)]


def _plain_names(stop: str) -> dict[str, str]:
    own = {name: name for name in ("max_tokens", "temperature", "top_p")}
    return {**own, "stop_sequences": stop}


def _anthropic(_: str, request: Request) -> Body:
    made: Body = {"anthropic_version": "bedrock-2023-05-31", "messages": _said(request)}
    if request.system:
        made["system"] = request.system
    return {**made, **_named(request, _plain_names("stop_sequences")), **_others(request)}


def _anthropic_text(_: str, request: Request) -> Body:
    names = {"user": "Human", "assistant": "Assistant"}
    said = "".join(f"\n\n{names[role]}: {text}" for role, text in turns(request))
    own = {**_plain_names("stop_sequences"), "max_tokens": "max_tokens_to_sample"}
    prompt = f"{request.system}{said}\n\nAssistant:"
    return {"prompt": prompt, **_named(request, own), **_others(request)}


def _titan(_: str, request: Request) -> Body:
    own = {
        "max_tokens": "maxTokenCount",
        "temperature": "temperature",
        "top_p": "topP",
        "stop_sequences": "stopSequences",
    }
    config = {**_named(request, own), **_others(request)}
    return {"inputText": _as_text(request), "textGenerationConfig": config}


def _as_text(request: Request) -> str:
    """Return the messages as one text; a single prompt stays as it is."""
    said = turns(request)
    if len(said) == 1:
        return f"{request.system}\n\n{request.prompt}" if request.system else request.prompt
    names = {"user": "User", "assistant": "Bot"}
    lines = [f"{names[role]}: {text}" for role, text in said]
    return "\n".join([*([request.system] if request.system else []), *lines, "Bot:"])


def _nova(_: str, request: Request) -> Body:
    own = {
        "max_tokens": "maxTokens",
        "temperature": "temperature",
        "top_p": "topP",
        "stop_sequences": "stopSequences",
    }
    said = [{"role": role, "content": [{"text": text}]} for role, text in turns(request)]
    made: Body = {"schemaVersion": "messages-v1", "messages": said}
    if request.system:
        made["system"] = [{"text": request.system}]
    return {**made, "inferenceConfig": {**_named(request, own), **_others(request)}}


def _llama(model_id: str, request: Request) -> Body:
    template = _instructions if "llama2" in model_id else _headers
    own = {"max_tokens": "max_gen_len", "temperature": "temperature", "top_p": "top_p"}
    return {"prompt": template(request), **_named(request, own), **_others(request)}


def _headers(request: Request) -> str:
    """Return Llama 3's template (Meta's model card)."""
    said = [("system", request.system)] if request.system else []
    blocks = [
        f"<|start_header_id|>{role}<|end_header_id|>\n\n{text}<|eot_id|>"
        for role, text in [*said, *turns(request)]
    ]
    start = "<|start_header_id|>assistant<|end_header_id|>\n\n"
    return f"<|begin_of_text|>{''.join(blocks)}{start}"


def _instructions(request: Request) -> str:
    """Return Llama 2's and Mistral's template: instructions in brackets, answers between them."""
    made = "<s>"
    system = f"{request.system}\n\n" if request.system else ""
    for role, text in turns(request):
        made += f"[INST] {system}{text} [/INST]" if role == "user" else f" {text}</s>"
        system = ""
    return made


def _mistral(_: str, request: Request) -> Body:
    named = _named(request, _plain_names("stop"))
    return {"prompt": _instructions(request), **named, **_others(request)}


def _open(_: str, request: Request) -> Body:
    """Return the messages form that OpenAI began, and AI21, Mistral and DeepSeek took over."""
    return {"messages": _chat(request), **_named(request, _plain_names("stop")), **_others(request)}


def _cohere_chat(_: str, request: Request) -> Body:
    names = {"user": "USER", "assistant": "CHATBOT"}
    earlier = [{"role": names[role], "message": text} for role, text in turns(request)[:-1]]
    own = {**_plain_names("stop_sequences"), "top_p": "p"}
    made: Body = {"message": request.prompt, "chat_history": earlier}
    if request.system:
        made["preamble"] = request.system
    return {**made, **_named(request, own), **_others(request)}


def _cohere_text(_: str, request: Request) -> Body:
    own = {**_plain_names("stop_sequences"), "top_p": "p"}
    return {"prompt": _as_text(request), **_named(request, own), **_others(request)}


def _ai21_text(_: str, request: Request) -> Body:
    own = {
        "max_tokens": "maxTokens",
        "temperature": "temperature",
        "top_p": "topP",
        "stop_sequences": "stopSequences",
    }
    return {"prompt": _as_text(request), **_named(request, own), **_others(request)}


def _deepseek(_: str, request: Request) -> Body:
    marks = {"user": _mark("User"), "assistant": _mark("Assistant")}
    said = "".join(f"{marks[role]}{text}" for role, text in turns(request))
    start = _mark("begin\u2581of\u2581sentence")
    prompt = f"{start}{request.system}{said}{marks['assistant']}<think>\n"
    return {"prompt": prompt, **_named(request, _plain_names("stop")), **_others(request)}


def _mark(name: str) -> str:
    """Return one of DeepSeek's marks, which stand between wide bars (its model card)."""
    return f"<\uff5c{name}\uff5c>"


_BUILDERS: Final[Mapping[Family, Callable[[str, Request], Body]]] = {
    Family.ANTHROPIC: _anthropic,
    Family.ANTHROPIC_TEXT: _anthropic_text,
    Family.TITAN: _titan,
    Family.NOVA: _nova,
    Family.LLAMA: _llama,
    Family.MISTRAL: _mistral,
    Family.MISTRAL_CHAT: _open,
    Family.COHERE_CHAT: _cohere_chat,
    Family.COHERE_TEXT: _cohere_text,
    Family.AI21_CHAT: _open,
    Family.AI21_TEXT: _ai21_text,
    Family.DEEPSEEK: _deepseek,
    Family.OPENAI: _open,
}
