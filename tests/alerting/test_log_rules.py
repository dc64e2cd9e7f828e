"""What alarms and what does not: intervals decide, not single counts."""

from typing import Any

import pytest

from affidavit.operations.log_rules import (
    Thresholds,
    interval_of_difference,
    of_hours,
    of_object,
)

CLEAN = {"refused": 0, "intervened": 0, "profane": 0}


def scan(answered: int, groups: tuple[Any, ...] = (), **found: int) -> dict[str, Any]:
    """Return the counts of one object."""
    return {**CLEAN, "answered": answered, "groups": list(groups), **found}


def group(name: str, records: int, **found: int) -> dict[str, Any]:
    """Return the counts of one group."""
    return {"attribute": "age", "group": name, "records": records, **CLEAN, **found}


def test_each_kind_of_finding_is_an_alert_with_counts_only() -> None:
    """Types and counts, never what was found."""
    damaged = ["s3://b/p/o: it is cut off"]
    body = {
        "types": {"EMAIL": 2, "PHONE": 0},
        "profane": 1,
        "unguarded": 3,
        "damaged": damaged,
    }
    found = {a.kind: (a, n) for a, n in of_object("w", "s3://b/p", body)}
    assert {kind: n for kind, (_, n) in found.items()} == {
        "disclosure": 2, "profanity": 1, "unguarded": 3, "scan": 1,
    }  # fmt: skip
    assert found["disclosure"][0].facts == {"EMAIL": "2"}


def test_nothing_found_alarms_nobody() -> None:
    """A clean object has no alert."""
    assert not list(of_object("w", "p", {"types": {}, "profane": 0, "unguarded": 0}))


@pytest.mark.parametrize(
    ("last", "before", "alarms"),
    [
        (scan(100, refused=30), scan(2000, refused=40), True),
        (scan(100, refused=3), scan(2000, refused=40), False),
        (scan(100, refused=4), scan(2000), False),
        (scan(40, refused=40), scan(2000, refused=40), False),
        (scan(100, refused=30), scan(10, refused=0), False),
    ],
)
def test_a_spike_is_above_the_day_before(last: Any, before: Any, alarms: bool) -> None:
    """Enough answers, enough hits, and an interval above that of the day before."""
    found, _ = of_hours("w", "p", [last], [before], Thresholds())
    assert ("refused-spike:w" in found) is alarms


@pytest.mark.parametrize(
    ("old", "young", "alarms"),
    [
        (group("old", 200, refused=80), group("young", 200, refused=20), True),
        (group("old", 200, refused=30), group("young", 200, refused=20), False),
        (group("old", 55, refused=10), group("young", 55, refused=4), False),
        (group("old", 49, refused=49), group("young", 200, refused=0), False),
    ],
)
def test_groups_differ_only_beyond_chance_and_threshold(
    old: Any,
    young: Any,
    alarms: bool,
) -> None:
    """Least number, threshold, and an interval that excludes parity, all three."""
    found, _ = of_hours("w", "p", [scan(100, (old, young))], [], Thresholds())
    assert ("groups:w:age:refused" in found) is alarms


def test_few_answers_of_one_pair_hide_no_other_pair() -> None:
    """The widest difference may be chance; a narrower one that is none is told all the same."""
    few = group("a", 55, refused=11), group("b", 55, refused=4)
    many = group("c", 5000, refused=900), group("d", 5000, refused=375)
    found, _ = of_hours("w", "p", [scan(100, (*few, *many))], [], Thresholds())
    assert found["groups:w:age:refused"].facts.keys() == {"attribute", "group a", "group d"}


def test_newcombes_interval_is_that_of_the_paper() -> None:
    """56 of 70 against 48 of 80: 0.0524 to 0.3339 (Newcombe 1998, table II, method 10)."""
    low, high = interval_of_difference(
        {"refused": 56, "records": 70}, {"refused": 48, "records": 80}, "refused"
    )
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)
