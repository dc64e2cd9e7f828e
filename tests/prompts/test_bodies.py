"""Bodies of InvokeModel: every family carries system, turns and parameters, and is read back."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.prompts.bodies import Family, body, family_of, is_text_only
from affidavit.prompts.bodies_read import BodyError, pieces, whole
from affidavit.prompts.target import Request

REQUEST = Request(
    prompt="And now?",
    system="Be brief.",
    messages=({"role": "user", "text": "First."}, {"role": "assistant", "text": "Done."}),
    parameters={"max_tokens": 77, "temperature": 0.25, "top_p": 0.5, "top_k": 9},
)


@pytest.mark.parametrize("family", list(Family))
def test_nothing_is_lost(family: Family) -> None:
    """System, every turn and every parameter stand in the body, in the order they were said."""
    text = json.dumps(body(family, "x", REQUEST))
    for said in ("Be brief.", "First.", "Done.", "And now?", "77", "0.25", "0.5", "9"):
        assert said in text
    assert text.index("First.") < text.index("Done.")


@pytest.mark.parametrize("family", list(Family))
def test_tokens_are_always_bounded(family: Family) -> None:
    """A request that names no bound gets one."""
    assert "1024" in json.dumps(body(family, "x", Request(prompt="Hi")))


@pytest.mark.parametrize(
    ("model_id", "family"),
    [
        ("anthropic.claude-v2:1", Family.ANTHROPIC_TEXT),
        ("anthropic.claude-instant-v1", Family.ANTHROPIC_TEXT),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", Family.ANTHROPIC),
        ("global.anthropic.claude-haiku-4-5-20251001-v1:0", Family.ANTHROPIC),
        ("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0", Family.NOVA),
        ("amazon.titan-embed-text-v2:0", None),
        ("arn:aws:bedrock:us-east-1:111122223333:provisioned-model/abc", None),
        ("arn:aws:bedrock:us-east-1:111122223333:imported-model/abc", None),
        ("cohere.command-light-text-v14", Family.COHERE_TEXT),
        ("cohere.command-r-plus-v1:0", Family.COHERE_CHAT),
        ("", None),
    ],
)
def test_families(model_id: str, family: Family | None) -> None:
    """Ids, profiles and ARNs tell the family; what does not tell has none."""
    assert family_of(model_id) is family


def test_text_only() -> None:
    """Titan's first model is invoked, its later ones converse."""
    assert is_text_only("amazon.titan-tg1-large", Family.TITAN)
    assert not is_text_only("amazon.titan-text-express-v1", Family.TITAN)


@pytest.mark.parametrize("family", list(Family))
@pytest.mark.parametrize("content", [{}, {"message": "no"}, {"choices": []}, {"results": [7]}])
def test_what_is_none(family: Family, content: dict[str, Any]) -> None:
    """A body of another form is refused or has no text: it never becomes an answer."""
    try:
        parts = whole(family, content)
    except BodyError:
        return
    assert parts.text == ""


def test_tool_calls_are_no_text() -> None:
    """Only text blocks count; a body with none has no text."""
    content = {"content": [{"type": "tool_use", "input": {}}], "stop_reason": "tool_use"}
    assert whole(Family.ANTHROPIC, content).text == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["content", "text", "choices", "delta", "outputs", "generation", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(events=st.lists(JSON, max_size=4), family=st.sampled_from(list(Family)))
def test_any_events(events: list[Any], family: Family) -> None:
    """Whatever chunks come, they are read or refused by `BodyError`."""
    with contextlib.suppress(BodyError):
        assert isinstance(pieces(family, ["[DONE]", *events]).text, str)
