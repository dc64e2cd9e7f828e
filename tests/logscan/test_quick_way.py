"""The quick way and the walk over every body say the same, whatever the records look like."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affidavit.logscan.batches import ASKED, DECLINED, ODD, SAID, UNGUARDED
from affidavit.logscan.findings import ScanFinding, Scanned, Totals
from affidavit.logscan.invocations import InvocationScanner, ScanSettings
from affidavit.logscan.usage import Calls

LOOK = ScanSettings(key=b"0123456789abcdef", blocked_messages=("This was blocked by us.",))
QUICK, WALK = InvocationScanner(LOOK), InvocationScanner(LOOK, quick=False)
TEXTS = st.one_of(
    st.sampled_from(
        [
            "",
            "The weather is fine today.",
            "please call me at 415-555-0132",
            "mail jo@example.org",
            "Well, shit happens.",
            "I can't help with that.",
            "I\u2019m sorry, but I cannot assist with this request.",
            "This  was blocked\nby us.",
            "415-",
            "555-0132, call",
            "It is illegal to do so.",
            "end\ud800 of 2026-11-23",
            "card 4111 1111 1111 1111 and {PHONE}",
            "[DONE]",
            "\x00\n\n",
        ]
    ),
    st.text(max_size=30),
)
STOPS = st.sampled_from(
    ["end_turn", "max_tokens", "refusal", "guardrail_intervened", "content_filtered", "", None, "x"]
)
GUARDED: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {},
        {"amazon-bedrock-guardrailAction": "NONE"},
        {"amazon-bedrock-guardrailAction": "INTERVENED"},
        {"amazon-bedrock-trace": {"guardrail": {"input": {}}}},
        {"trace": {"guardrail": {"x": {"topicPolicy": {"detected": True, "match": "jo"}}}}},
    ]
)
ANY = st.recursive(
    st.one_of(TEXTS, st.integers(), st.none(), st.booleans(), st.floats(allow_nan=False)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["text", "a", "a.b", "", "b[0]", "type", "match", "data", "format"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=6,
)
MORE = st.one_of(
    st.just({}),
    st.just({}),
    st.dictionaries(st.sampled_from(["name", "stop", "system", "extra", "usage", "id"]), ANY),
)


@st.composite
def block(draw: st.DrawFn) -> Any:
    """Return a block of content."""
    text, value = draw(TEXTS), draw(ANY)
    kinds: list[Any] = [
        {"text": text},
        {"type": "text", "text": text},
        {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}},
        {"type": "thinking", "thinking": text, "signature": "x"},
        {"type": "tool_use", "id": "t", "name": "dial", "input": value},
        {"type": "tool_result", "tool_use_id": "t", "content": value},
        {"toolUse": {"toolUseId": "t", "name": text, "input": value}},
        {"toolResult": {"toolUseId": "t", "content": [{"json": value}], "status": "success"}},
        {"reasoningContent": {"reasoningText": {"text": text, "signature": "s"}}},
        {"guardContent": {"text": {"text": text}}},
        {"image": {"format": "png", "source": {"bytes": "aGk="}}},
        {"cachePoint": {"type": "default"}},
        value,
    ]
    return draw(st.sampled_from(kinds))


@st.composite
def asked(draw: st.DrawFn) -> Any:
    """Return a request."""
    content = draw(st.one_of(TEXTS, st.lists(block(), max_size=3)))
    shapes: list[dict[str, Any]] = [
        {"messages": [{"role": "user", "content": content}], "system": draw(TEXTS)},
        {
            "messages": [{"role": "user", "content": [{"text": draw(TEXTS)}]}]
            * draw(st.integers(0, 3))
        },
        {"prompt": draw(TEXTS), "max_tokens_to_sample": 3},
        {"inputText": draw(TEXTS), "textGenerationConfig": {"stopSequences": [draw(TEXTS)]}},
        {"messages": [], "guardrailConfig": {"guardrailIdentifier": "g", "trace": draw(TEXTS)}},
        {"messages": [], "toolConfig": draw(ANY), "inferenceConfig": {"maxTokens": 4}},
    ]
    return (
        draw(st.one_of(st.sampled_from(shapes), ANY))
        if draw(st.booleans())
        else {
            **draw(st.sampled_from(shapes)),
            **draw(MORE),
        }
    )


@st.composite
def chunks(draw: st.DrawFn) -> list[Any]:
    """Return the chunks of a stream, in any order and of any block."""
    found: list[Any] = [
        {
            "type": "message_start",
            "message": {"content": [], "role": "assistant", "stop_reason": None},
        }
    ]
    for _ in range(draw(st.integers(0, 6))):
        index, text = draw(st.sampled_from([0, 0, 0, 1, None])), draw(TEXTS)
        found.append(
            draw(
                st.sampled_from(
                    [
                        {"type": "content_block_delta", "index": index,
                         "delta": {"type": "text_delta", "text": text}},
                        {"type": "content_block_delta", "index": index,
                         "delta": {"type": "input_json_delta", "partial_json": text}},
                        {"type": "content_block_start", "index": index,
                         "content_block": {"type": "text", "text": text}},
                        {"type": "content_block_start", "index": index,
                         "content_block": {"type": "tool_use", "name": text, "input": {}}},
                        {"delta": {"text": text}},
                        {"completion": text, "stop_reason": None},
                        {"outputText": text, "index": index},
                        text,
                    ]
                )
            )
        )  # fmt: skip
    stop: dict[str, Any] = {"type": "message_delta", "delta": {"stop_reason": draw(STOPS)}}
    return [*found, stop, {"type": "message_stop", **draw(GUARDED)}]


TIMED: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {},
        {"metrics": {"latencyMs": 812}},
        {"metrics": {"latencyMs": 812.5}},
        {"metrics": {"latencyMs": 3}, "amazon-bedrock-invocationMetrics": {}},
        {"amazon-bedrock-invocationMetrics": {"invocationLatency": 5, "inputTokenCount": 1}},
    ]
)
"""How long an answer took, as it tells in several ways or not at all."""


@st.composite
def said(draw: st.DrawFn) -> Any:
    """Return an answer."""
    text, stop = draw(TEXTS), draw(STOPS)
    content = draw(st.lists(block(), max_size=3))
    shapes: list[Any] = [
        {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": stop},
        {"content": content, "stop_reason": stop, "usage": {"input_tokens": 3}},
        {"content": [{"type": "text", "text": text}], "stop_reason": "end_turn"},
        {"completion": text, "stop_reason": stop, "stop": "x"},
        {"results": [{"outputText": text, "completionReason": "FINISH"}]},
        {"outputs": [{"text": text, "stop_reason": stop}]},
        {"generation": text, "stop_reason": stop},
        {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": stop}]},
    ]
    plain = {**draw(st.sampled_from(shapes)), **draw(GUARDED), **draw(MORE), **draw(TIMED)}
    return draw(st.one_of(st.just(plain), chunks(), ANY))


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """Return a log of a few records, some of them odd."""
    found = []
    for _ in range(draw(st.integers(1, 4))):
        record: dict[str, Any] = {
            "schemaType": draw(st.sampled_from(["ModelInvocationLog"] * 4 + ["Other", None])),
            "timestamp": "2026-11-23T10:00:00Z",
            "requestId": draw(st.sampled_from(["r-1"] * 5 + [5])),
            "identity": {"arn": "arn:aws:iam::111122223333:user/jo@example.org"},
            "modelId": draw(st.sampled_from(["m"] * 5 + [None])),
            "input": {
                "inputBodyJson": draw(asked()),
                "inputTokenCount": draw(st.sampled_from([1, None])),
            },
            "output": {"outputBodyJson": draw(said())},
            **draw(st.sampled_from([{}, {}, {"errorCode": "ThrottlingException"}])),
        }
        if draw(st.integers(0, 9)) == 0:
            record["output"] = {"outputBodyS3Path": "s3://b/data/r-1_output.json.gz"}
        found.append(json.dumps(record, ensure_ascii=draw(st.booleans())))
    return "\n".join(found).encode("utf-8", "surrogatepass")


def both(data: bytes) -> list[tuple[list[ScanFinding], Scanned]]:
    """Return what the quick way and the walk give."""
    results = []
    for scanner in (QUICK, WALK):
        found: list[ScanFinding] = []
        results.append((found, scanner.scan(data, "log.json", found.append)))
    return results


@settings(max_examples=150, deadline=None)
@given(lines())
def test_the_quick_way_says_what_the_walk_says(data: bytes) -> None:
    """Findings in their order, totals, gaps and references are the same."""
    quick, walk = both(data)
    assert quick == walk


@pytest.mark.slow
@settings(max_examples=5000, deadline=None)
@given(lines())
def test_it_says_so_of_many_more(data: bytes) -> None:
    """As above, over a few minutes."""
    quick, walk = both(data)
    assert quick == walk


def _line(request: Any, answer: Any) -> bytes:
    record = {
        "schemaType": "ModelInvocationLog",
        "modelId": "m",
        "input": {"inputBodyJson": request},
        "output": {"outputBodyJson": answer},
    }
    return json.dumps(record).encode()


CLEAN = {"messages": [{"role": "user", "content": [{"text": "How is the weather?"}]}]}
FINE = {"content": [{"type": "text", "text": "Fine."}], "amazon-bedrock-guardrailAction": "NONE"}


@pytest.mark.parametrize(
    ("request_body", "answer", "mark"),
    [
        (CLEAN, FINE, 0),
        (CLEAN, {"content": [{"type": "text", "text": "Fine."}]}, UNGUARDED),
        ({"prompt": "call 415-555-0132"}, FINE, ASKED),
        (CLEAN, {**FINE, "content": [{"type": "text", "text": "call 415-555-0132"}]}, SAID),
        (CLEAN, {**FINE, "content": [{"type": "text", "text": "I can't help."}]}, DECLINED),
        (CLEAN, {**FINE, "stop_reason": "refusal"}, ODD),
        (CLEAN, {**FINE, "unheardOf": 1}, ODD),
        (CLEAN, {**FINE, "amazon-bedrock-guardrailAction": "INTERVENED"}, ODD),
    ],
)
def test_only_what_has_something_to_say_is_looked_at(
    request_body: Any, answer: Any, mark: int
) -> None:
    """A record of a common shape that holds nothing is not walked; an odd one always is."""
    totals = Totals()
    marks = QUICK.batches.read([_line(request_body, answer)], totals, Calls(totals.used))
    assert marks == ({0: mark} if mark else {})
