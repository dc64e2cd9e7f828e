"""CEL as checks use it, and which parameters are in force."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from affidavit.checks.rules import EVALUATION_ERRORS, Rules, compiled, days, effective_parameters
from affidavit.errors import UsageError
from affidavit.model.catalogue import Catalogue, Check

NOW = datetime(2026, 1, 15, tzinfo=UTC)


@pytest.fixture
def check(catalogue: Catalogue) -> Check:
    """Return a check with a list, a whole number and a share among its parameters."""
    known = catalogue.checks["model-throttling"]
    return replace(known, params={"names": [], "lookback_days": 7, "share": 0.5, "strict": True})


def test_days_is_a_duration() -> None:
    """days(n) is what times are compared with."""
    assert days(2) == timedelta(days=2)


def test_expressions_see_r_acct_p_and_now() -> None:
    """All four variables and days(n) are there."""
    rules = Rules({"n": 1}, {"limit": 3}, NOW)
    text = "r.age + acct.n < p.limit && r.time > now - days(1)"
    assert rules.holds(text, {"age": 1, "time": NOW})
    assert not rules.holds(text, {"age": 2, "time": NOW})


def test_each_record_is_seen_by_itself() -> None:
    """The record before leaves nothing behind."""
    rules = Rules({}, {}, NOW)
    assert rules.holds("has(r.a)", {"a": 1})
    assert not rules.holds("has(r.a)", {})


@pytest.mark.parametrize(
    "text",
    [
        "r.missing == 1",
        "r.text > 3",
        "r.list[7] == 1",
        "timestamp(r.text) < now",
        "r.text",
        "1 + 1",
    ],
)
def test_what_cannot_be_evaluated_is_an_error(text: str) -> None:
    """A missing member, a wrong kind or a result that is no truth value never counts as false."""
    with pytest.raises(EVALUATION_ERRORS):
        Rules({}, {}, NOW).holds(text, {"text": "N/A", "list": []})


def test_an_expression_is_compiled_once() -> None:
    """The same text gives the same program."""
    assert compiled("1 == 1") is compiled("1 == 1")


def test_the_users_parameters_win_over_source_and_check(check: Check) -> None:
    """Default, then source, then user."""
    found = effective_parameters(check, {"lookback_days": 14, "share": 0.7}, {"share": 0.9})
    assert found == {"names": [], "lookback_days": 14, "share": 0.9, "strict": True}


def test_a_whole_number_becomes_a_share_where_a_share_is_due(check: Check) -> None:
    """CEL does not mix whole numbers and doubles, so 1 is read as 1.0."""
    assert isinstance(effective_parameters(check, {}, {"share": 1})["share"], float)


@pytest.mark.parametrize(
    "own", [{"unknown": 1}, {"names": "all"}, {"lookback_days": "7"}, {"lookback_days": True}]
)
def test_a_parameter_that_does_not_fit_is_refused(check: Check, own: dict[str, object]) -> None:
    """A limit that would be ignored or of another kind is an error, not a silent default."""
    with pytest.raises(UsageError):
        effective_parameters(check, {}, own)
