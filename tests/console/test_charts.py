"""A partial control never stands among the plainly compliant: in charts, totals and lists."""

import re
from collections import Counter
from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest

from affidavit.console import charts
from affidavit.model.verdict import ControlState, Verdict
from affidavit.operations import dashboards
from affidavit.operations.caller import Caller

PART = "Automated part compliant"


@pytest.fixture
def said(filled: Any) -> list[Any]:
    """Return what the newest run says of each control."""
    day = filled.context.store.last_day(filled.assessment.id)
    return list(filled.context.store.verdicts(filled.assessment.id, day).values())


def expected(said: list[Any]) -> tuple[int, Counter[str]]:
    """Return the plainly compliant, and those of the automated part by their manual part."""
    good = [one.manual for one in said if one.verdict is Verdict.COMPLIANT]
    return good.count(""), Counter(filter(None, good))


@pytest.mark.parametrize("manual", ["missing", "expired", "present"])
def test_a_state_tells_the_manual_part(manual: str) -> None:
    """Compliant is of the automated part only, whatever the manual part is."""
    state = ControlState.of(Verdict.COMPLIANT, manual)
    assert (state.manual, state.words) == (manual, PART)
    assert ControlState.of(Verdict.COMPLIANT, "") is ControlState.COMPLIANT
    assert ControlState.of(Verdict.NON_COMPLIANT, manual).words == "Non-compliant"
    assert ControlState.of(Verdict.NOT_APPLICABLE, manual).manual == ""


def test_an_unknown_manual_part_is_never_compliant() -> None:
    """A manual part that nobody knows is an error, not a verdict."""
    with pytest.raises(ValueError, match="AUTOMATED_LOST"):
        ControlState.of(Verdict.COMPLIANT, "lost")


def test_charts_draw_the_partial_apart() -> None:
    """Ring, bar and trend have a piece of its own for them, with the manual parts in words."""
    counts: dict[str, int] = {
        ControlState.COMPLIANT: 3,
        ControlState.AUTOMATED_MISSING: 2,
        ControlState.AUTOMATED_PRESENT: 1,
    }
    words = f"{PART} (manual part: 2 missing, 1 present): 3"
    for svg in (charts.ring(counts, "t", "u"), charts.bar(counts, "t")):
        assert words in svg
        assert "Compliant: 3<" in svg
        assert "-part" in svg
    trend = charts.trend([(date(2026, 1, 1), counts)], "t")
    assert trend.count("fill-part") == trend.count("fill-good") == 1
    assert "-part" not in charts.ring({Verdict.COMPLIANT: 3}, "t", "u")


def test_the_dashboard_counts_them_apart(filled: Any, said: list[Any]) -> None:
    """Donut, groups and trend of the newest day add up to what the run says."""
    plain, partial = expected(said)
    assert plain
    assert set(partial) == {"missing", "present"}
    caller = Caller(
        account_id="111122223333",
        region="us-east-1",
        principal_arn="arn:aws:iam::111122223333:user/olga",
        role="owner",
        request_id="test",
    )
    found = dashboards.dashboard(filled.context, caller)
    both = Counter[ControlState]()
    for group in found.groups:
        both.update(group.controls)
    for counts in (found.total.controls, both, found.trend[-1].controls):
        assert counts[ControlState.COMPLIANT] == plain
        manual = {one.manual: counts[one] for one in ControlState if counts[one]}
        assert {part: n for part, n in manual.items() if part} == partial
    before = filled.context.store.verdicts(filled.assessment.id, found.day - timedelta(days=1))
    yesterday = Counter(one.state for one in before.values())
    assert found.trend[-2].controls == yesterday


def test_pages_show_them_apart(filled: Any, said: list[Any]) -> None:
    """Dashboard, list, assessment, control and period say so, and how the manual part stands."""
    plain, partial = expected(said)
    client, assessment = filled.client("olga"), filled.assessment.id
    for path in ("/", f"/assessments/{assessment}"):
        text = unescape(client.get(f"/console{path}").text)
        rows = re.findall(r'<li><i class="swatch-(\w+)"></i><b>(\d+)</b>', text)
        assert ("good", str(plain)) in rows
        assert ("part", str(partial.total())) in rows
        for name, number in partial.items():
            assert f"{number} {name}" in text
    listed = client.get("/console/assessments").text
    assert f"{partial.total()} {PART.lower()} (manual part: " in listed
    for path in (f"/assessments/{assessment}", f"/assessments/{assessment}/period"):
        assert client.get(f"/console{path}").text.count(PART) >= partial.total(), path


def test_the_page_of_a_partial_control_says_it(filled: Any, said: list[Any]) -> None:
    """The verdict and the calendar of a partial control never read plainly compliant."""
    one = next(x for x in said if x.verdict is Verdict.COMPLIANT and x.manual == "missing")
    control = next(
        x for x in filled.context.catalogue.framework.controls() if x.id == one.control_id
    )
    client = filled.client("olga")
    path = f"/console/assessments/{filled.assessment.id}/controls/{control.uuid}"
    text = client.get(path).text
    verdict = re.search(r'<span class="verdict (\w+)">.*?</span> ([\w -]+)</span>', text)
    assert verdict is not None
    assert verdict.groups() == ("part", PART)
    assert "manual part: Missing" in text
    assert ": Compliant," not in text
