"""The period view: states, changes with their reasons, coverage, and what it refuses."""

import csv
import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.finder.conftest import commit, make_assessment, make_evidence

from affidavit.errors import QueryError
from affidavit.finder.engine import Finder
from affidavit.finder.period import Period, State, _changes, view
from affidavit.finder.period_shown import csv_lines, svg, to_json
from affidavit.model.run import Assessment
from affidavit.model.verdict import Standing, Verdict
from affidavit.settings import Settings
from affidavit.store import Store, open_store

FIRST = date(2026, 10, 1)
LAST = date(2026, 10, 12)
STORY = "C C N N . . I G G C C C"
"""Of control C00 on each day: compliant, non-compliant, no run, inconclusive, gap."""
STATES = {
    "C": State.COMPLIANT,
    "N": State.NON_COMPLIANT,
    ".": State.NOTHING,
    "I": State.INCONCLUSIVE,
    "G": State.GAP,
}


def _tell(store: Store, assessment: Assessment) -> None:
    """Commit a run for each day of the story."""
    for number, letter in enumerate(STORY.split()):
        if letter == ".":
            continue
        day = FIRST + timedelta(days=number)
        good = replace(
            make_evidence("", "", day, 4),
            control_id="C00",
            gap="",
            verdict=Verdict.COMPLIANT,
            standing=Standing.JUDGED,
        )
        bad = replace(good, verdict=Verdict.NON_COMPLIANT, reason="TLS is not required")
        unclear = replace(good, verdict=Verdict.NOT_APPLICABLE, standing=Standing.UNDECIDED)
        records = {
            "C": [good],
            "N": [good, bad, replace(bad, id=f"{bad.id[:-1]}x")],
            "I": [unclear],
            "G": [replace(unclear, gap="denied")],
        }
        commit(store, assessment, day, records[letter])


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Period]:
    """Give the view of the story."""
    home = tmp_path_factory.mktemp("period")
    with open_store(Settings(home=home, keys=home / "keys")) as store, Finder(store) as finder:
        assessment = make_assessment("Story")
        store.create_assessment(assessment, "test")
        _tell(store, assessment)
        yield view(store, finder, assessment, FIRST, LAST, LAST)


def test_each_day_is_what_its_run_said(shown: Period) -> None:
    """The states are the story's, and days without a run are named."""
    (control,) = shown.controls
    assert [day.state for day in control.days] == [STATES[x] for x in STORY.split()]
    assert [day.day for day in shown.days_without_run] == [5, 6]


def test_changes_say_when_and_why(shown: Period) -> None:
    """Every change of state is there with its day, its counts and the reasons of the evidence."""
    (control,) = shown.controls
    told = [(c.day.day, c.before.kind, c.after.kind, c.why) for c in control.changes]
    assert told == [
        (
            3,
            "compliant",
            "non_compliant",
            "2 of 3 records are non-compliant: TLS is not required (2)",
        ),
        (7, "non_compliant", "inconclusive", "nothing in 1 records decides it"),
        (8, "inconclusive", "gap", "could not be observed: denied (1)"),
        (10, "gap", "compliant", "1 of 1 records are compliant"),
    ]


def test_coverage_counts_only_days_with_evidence(shown: Period) -> None:
    """Gaps and days without a run are not covered; the longest stretch of them is found."""
    (control,) = shown.controls
    assert (control.covered, control.covered_percent) == (8, "66.6")
    assert control.longest_gap == (date(2026, 10, 5), date(2026, 10, 6))


def test_a_partial_control_does_not_turn_plainly_compliant(shown: Period) -> None:
    """Its changes say that the automated part is meant, and when the manual part came."""
    (control,) = shown.controls
    compliant = replace(control.days[0], manual="missing")
    bad = next(day for day in control.days if day.state is State.NON_COMPLIANT)
    days = [bad, compliant, replace(compliant, manual="present"), replace(bad, manual="present")]
    found = list(_changes("C00", days, {}))
    assert [(c.before.kind, c.after.kind) for c in found] == [
        ("non_compliant", "automated"),
        ("automated", "automated"),
        ("automated", "non_compliant"),
    ]
    assert found[0].why.endswith("; the manual part is missing")
    assert found[1].why.endswith("; the manual part is present")
    assert {c.after.words for c in found[:2]} == {"Automated part compliant"}


def test_a_single_missing_day_is_never_rounded_away(shown: Period) -> None:
    """Only a period without any hole is 100.0 percent."""
    (control,) = shown.controls
    day = control.days[0]
    nothing = replace(day, state=State.NOTHING)
    assert replace(control, days=(nothing, *[day] * 4999)).covered_percent == "99.9"
    assert replace(control, days=(day,) * 3).covered_percent == "100.0"
    assert replace(control, days=(day,) * 3).longest_gap is None


def test_csv_has_a_row_for_each_control_and_day(shown: Period) -> None:
    """The table says the same as the data."""
    text = b"".join(csv_lines(shown)).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["state"] for row in rows] == [STATES[x].value for x in STORY.split()]
    assert rows[2]["non_compliant"] == "2"
    assert rows[2]["why"].endswith("TLS is not required (2)")
    assert rows[7]["gaps"] == "denied:1"


def test_json_is_json(shown: Period) -> None:
    """The data can be printed, with every state counted."""
    told = json.loads(json.dumps(to_json(shown)))
    assert sum(told["controls"][0]["counts"].values()) == len(STORY.split())
    assert told["controls"][0]["longestGap"] == ["2026-10-05", "2026-10-06"]


def test_the_chart_speaks_without_colour(shown: Period) -> None:
    """It is well-formed, has no style, and names each stretch of days and its state in words."""
    drawn = svg(shown)
    ET.fromstring(drawn)  # noqa: S314 - made by ourselves
    assert "style" not in drawn
    for words in (
        "C00, 2026-10-03 to 2026-10-04: Non-compliant",
        "C00, 2026-10-05 to 2026-10-06: Nothing",
        "C00, 2026-10-08 to 2026-10-09: Gap",
        "66.6 % covered, 4 changes",
    ):
        assert words in drawn


def test_the_last_run_of_a_day_counts(tmp_path: Path) -> None:
    """Where a day was collected twice, the later run is what the day was."""
    with open_store(Settings(home=tmp_path, keys=tmp_path / "keys")) as store:
        assessment = make_assessment("Twice")
        store.create_assessment(assessment, "test")
        one = replace(make_evidence("", "", FIRST, 4), verdict=Verdict.NON_COMPLIANT, gap="")
        commit(store, assessment, FIRST, [one])
        commit(store, assessment, FIRST, [replace(one, verdict=Verdict.COMPLIANT)])
        with Finder(store) as finder:
            shown = view(store, finder, assessment, FIRST, FIRST, LAST)
        assert [day.state for day in shown.controls[0].days] == [State.COMPLIANT]


def test_deleted_evidence_does_not_change_what_was_known(tmp_path: Path) -> None:
    """Months with holes: after deletion by age the run records still say what each day was."""
    first, days = date(2026, 6, 1), 60
    last = first + timedelta(days=days - 1)
    with open_store(Settings(home=tmp_path, keys=tmp_path / "keys")) as store:
        assessment = make_assessment("Months")
        store.create_assessment(assessment, "test")
        story = list("CCN.CC.NNC" * 6)
        for number, letter in enumerate(story):
            one = replace(make_evidence("", "", first, 4), gap="", standing=Standing.JUDGED)
            verdict = Verdict.COMPLIANT if letter == "C" else Verdict.NON_COMPLIANT
            if letter != ".":
                day = first + timedelta(days=number)
                commit(store, assessment, day, [replace(one, verdict=verdict)])
        with Finder(store) as finder:
            before = view(store, finder, assessment, first, last, last)
            middle = first + timedelta(days=30)
            given = (assessment.tenant, assessment.id)
            store.delete_evidence(*given, by="test", why="age", before=middle)
            after = view(store, finder, assessment, first, last, last)
        (was,), (known,) = before.controls, after.controls
        assert [day.state for day in known.days] == [day.state for day in was.days]
        assert [day.state for day in was.days] == [STATES[x] for x in story]
        assert (known.covered_percent, len(known.changes)) == ("80.0", len(was.changes))
        assert after.days_without_run == before.days_without_run


@pytest.mark.parametrize(
    ("first", "last"),
    [(LAST, FIRST), (date(2020, 1, 1), LAST), (FIRST, LAST + timedelta(days=1))],
    ids=["backwards", "too long", "not over"],
)
def test_a_period_that_cannot_be_shown_is_refused(tmp_path: Path, first: date, last: date) -> None:
    """An empty period, one of many years, and one that is not over yet are errors."""
    with open_store(Settings(home=tmp_path, keys=tmp_path / "keys")) as store:
        assessment = make_assessment("Story")
        store.create_assessment(assessment, "test")
        with Finder(store) as finder, pytest.raises(QueryError):
            view(store, finder, assessment, first, last, LAST)
