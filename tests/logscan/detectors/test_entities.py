"""Entity types, masks, overlaps."""

from itertools import pairwise
from typing import Any

import botocore.session
from hypothesis import given
from hypothesis import strategies as st

from affidavit.logscan.detectors.entities import (
    ENTITY_TYPES,
    Finding,
    mask_of,
    replace_spans,
    without_overlaps,
)

SPANS = st.lists(
    st.builds(
        lambda start, length, score: Finding(start, start + length, "PHONE", "r", score),
        st.integers(0, 60),
        st.integers(1, 20),
        st.sampled_from([0.4, 0.7, 0.99]),
    ),
    max_size=30,
)


def test_types_are_those_of_guardrails() -> None:
    """Our names are the ones that AWS's own model has, none more, none less."""
    model = botocore.session.get_session().get_service_model("bedrock")
    shape: Any = model.shape_for("GuardrailPiiEntityType")
    assert list(ENTITY_TYPES) == shape.enum


def test_masks_are_those_of_guardrails() -> None:
    """A telephone number becomes {PHONE}, as in a guardrail's output."""
    found = Finding(5, 8, "PHONE", "phone", 0.8)
    assert mask_of("PHONE") == "{PHONE}"
    assert replace_spans("call 123 now", [found]) == "call {PHONE} now"


@given(SPANS)
def test_winners_are_disjoint_and_none_could_be_added(findings: list[Finding]) -> None:
    """What is left is in order and disjoint, and a loser overlaps a winner of no lower score."""
    won = without_overlaps(findings)
    assert all(a.end <= b.start for a, b in pairwise(won))
    for lost in set(findings) - set(won):
        assert any(w.start < lost.end and lost.start < w.end and w.score >= lost.score for w in won)
