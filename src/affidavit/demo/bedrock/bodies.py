"""The models' bodies from the server's side: find the prompt in one, write the answer as one.

Written apart from `prompts.bodies`, so that each is a check of the other.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from affidavit.demo.overlay.registry import AwsError
from affidavit.prompts.bodies import Family

Body = dict[str, Any]
_REQUIRED: Final[Mapping[Family, str]] = {
    Family.ANTHROPIC: "messages",
    Family.ANTHROPIC_TEXT: "prompt",
    Family.TITAN: "inputText",
    Family.NOVA: "messages",
    Family.LLAMA: "prompt",
    Family.MISTRAL: "prompt",
    Family.MISTRAL_CHAT: "messages",
    Family.COHERE_CHAT: "message",
    Family.COHERE_TEXT: "prompt",
    Family.AI21_CHAT: "messages",
    Family.AI21_TEXT: "prompt",
    Family.DEEPSEEK: "prompt",
    Family.OPENAI: "messages",
}
_LAST_TURN: Final[Mapping[Family, re.Pattern[str]]] = {
    Family.ANTHROPIC_TEXT: re.compile(r".*\n\nHuman:\s*(.*?)\n\nAssistant:", re.DOTALL),
    Family.LLAMA: re.compile(
        r".*(?:<\|start_header_id\|>user<\|end_header_id\|>|\[INST\])\s*(.*?)\s*"
        r"(?:<\|eot_id\|>|\[/INST\])",
        re.DOTALL,
    ),
    Family.MISTRAL: re.compile(r".*\[INST\]\s*(.*?)\s*\[/INST\]", re.DOTALL),
    Family.DEEPSEEK: re.compile(r".*<\uff5cUser\uff5c>(.*?)<\uff5cAssistant\uff5c>", re.DOTALL),
}


def prompt_of(family: Family, body: Any) -> str:
    """Return the last user message of a body; raise `AwsError` as Bedrock refuses one."""
    key = _REQUIRED[family]
    if not isinstance(body, dict) or key not in body:
        said = f"Malformed input request: #: required key [{key}] not found, please reformat your "
        raise AwsError("ValidationException", f"{said}input and try again.", 400)
    if key == "messages":
        return _text(body[key][-1].get("content") if body[key] else "")
    text = str(body[key])
    pattern = _LAST_TURN.get(family)
    if family is Family.ANTHROPIC_TEXT and "\n\nHuman:" not in text:
        said = 'prompt must start with "\n\nHuman:" turn after an optional system prompt'
        raise AwsError("ValidationException", f"Invalid prompt: {said}", 400)
    match = pattern.match(text) if pattern else None
    return match[1] if match else text


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(str(block.get("text", "")) for block in content or [])


def whole(family: Family, text: str, tokens: tuple[int, int]) -> Body:
    """Return the body of an answer; `tokens` are those of the prompt and of the answer."""
    asked, said = tokens
    made: dict[Family, Body] = {
        Family.ANTHROPIC: {
            "id": "msg_bdrk_demo",
            "type": "message",
            "role": "assistant",
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": asked, "output_tokens": said},
        },
        Family.ANTHROPIC_TEXT: {
            "type": "completion",
            "completion": f" {text}",
            "stop_reason": "stop_sequence",
            "stop": "\n\nHuman:",
        },
        Family.TITAN: {
            "inputTextTokenCount": asked,
            "results": [{"tokenCount": said, "outputText": text, "completionReason": "FINISH"}],
        },
        Family.NOVA: {
            "output": {"message": {"content": [{"text": text}], "role": "assistant"}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": asked, "outputTokens": said, "totalTokens": asked + said},
        },
        Family.LLAMA: {
            "generation": text,
            "prompt_token_count": asked,
            "generation_token_count": said,
            "stop_reason": "stop",
        },
        Family.MISTRAL: {"outputs": [{"text": text, "stop_reason": "stop"}]},
        Family.COHERE_CHAT: {"text": text, "finish_reason": "COMPLETE"},
        Family.COHERE_TEXT: {"generations": [{"text": text, "finish_reason": "COMPLETE"}]},
        Family.AI21_TEXT: {
            "id": 1,
            "completions": [{"data": {"text": text}, "finishReason": {"reason": "endoftext"}}],
        },
        Family.DEEPSEEK: {"choices": [{"text": text, "stop_reason": "stop"}]},
    }
    return made.get(family) or _open({"message": {"role": "assistant", "content": text}}, tokens)


def _open(choice: Body, tokens: tuple[int, int]) -> Body:
    asked, said = tokens
    usage = {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}
    return {"choices": [{"index": 0, **choice, "finish_reason": "stop"}], "usage": usage}


def chunks(family: Family, pieces: list[str], tokens: tuple[int, int]) -> list[Body]:
    """Return the chunks of a streamed answer; the last one has Bedrock's metrics."""
    made = _anthropic(pieces, tokens) if family is Family.ANTHROPIC else None
    made = made or [_piece(family, text) for text in pieces] + _ends(family, tokens)
    made[-1]["amazon-bedrock-invocationMetrics"] = {
        "inputTokenCount": tokens[0],
        "outputTokenCount": tokens[1],
        "invocationLatency": 20,
        "firstByteLatency": 5,
    }
    return made


def _anthropic(pieces: list[str], tokens: tuple[int, int]) -> list[Body]:
    usage = {"input_tokens": tokens[0], "output_tokens": 1}
    start: list[Body] = [
        {"type": "message_start", "message": {"role": "assistant", "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    ]
    texts = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": t}}
        for t in pieces
    ]
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    usage = {"output_tokens": tokens[1]}
    return [
        *start,
        *texts,
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": end, "usage": usage},
        {"type": "message_stop"},
    ]


def _piece(family: Family, text: str) -> Body:
    made: dict[Family, Body] = {
        Family.ANTHROPIC_TEXT: {"completion": text, "stop_reason": None, "stop": None},
        Family.TITAN: {"outputText": text, "index": 0, "completionReason": None},
        Family.NOVA: {"contentBlockDelta": {"delta": {"text": text}, "contentBlockIndex": 0}},
        Family.LLAMA: {"generation": text, "stop_reason": None},
        Family.MISTRAL: {"outputs": [{"text": text, "stop_reason": None}]},
        Family.COHERE_CHAT: {"is_finished": False, "event_type": "text-generation", "text": text},
        Family.COHERE_TEXT: {"text": text, "is_finished": False},
        Family.DEEPSEEK: {"choices": [{"text": text, "stop_reason": None}]},
    }
    other = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
    return made.get(family, other)


def _ends(family: Family, tokens: tuple[int, int]) -> list[Body]:
    made: dict[Family, list[Body]] = {
        Family.ANTHROPIC_TEXT: [
            {"completion": "", "stop_reason": "stop_sequence", "stop": "\n\nHuman:"}
        ],
        Family.TITAN: [{"outputText": "", "index": 0, "completionReason": "FINISH"}],
        Family.NOVA: [
            {"messageStop": {"stopReason": "end_turn"}},
            {"metadata": {"usage": {"inputTokens": tokens[0], "outputTokens": tokens[1]}}},
        ],
        Family.LLAMA: [{"generation": "", "stop_reason": "stop"}],
        Family.MISTRAL: [{"outputs": [{"text": "", "stop_reason": "stop"}]}],
        Family.COHERE_CHAT: [
            {"is_finished": True, "event_type": "stream-end", "finish_reason": "COMPLETE"}
        ],
        Family.COHERE_TEXT: [{"text": "", "is_finished": True, "finish_reason": "COMPLETE"}],
        Family.DEEPSEEK: [{"choices": [{"text": "", "stop_reason": "stop"}]}],
    }
    return made.get(family, [{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}])
