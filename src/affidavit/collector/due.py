"""Which sources are due: API calls of custom controls may be asked WEEKLY or MONTHLY only.

A source that is not due gives one record an account that says so, with the day of its last result.
Judging again reads that day back and holds it to the same rule, so that nobody can put aside a
source that was due.
"""

import calendar
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from affidavit.collector.evidence import NOT_DUE
from affidavit.model.catalogue import Catalogue
from affidavit.model.framework import Control, ControlSource, SourceType

_WEEK: Final = timedelta(days=7)
_SELDOM: Final = frozenset({"WEEKLY", "MONTHLY"})
_SAID: Final = re.compile(r"Collected [A-Z]+: the last result is of (\d{4}-\d\d-\d\d) ")


def next_day(last: date, frequency: str) -> date:
    """Return when a source is due again; a month after the 31st is a shorter month's last day."""
    if frequency == "WEEKLY":
        return last + _WEEK
    if frequency != "MONTHLY":
        return last + timedelta(days=1)
    year, month = last.year + last.month // 12, last.month % 12 + 1
    return date(year, month, min(last.day, calendar.monthrange(year, month)[1]))


def seldom(catalogue: Catalogue) -> Iterator[ControlSource]:
    """Yield the sources that are not asked every day, each for each control that has it."""
    for control in catalogue.framework.controls():
        yield from (source for source in control.sources if _is_seldom(source))


def words(source: ControlSource, last: date, day: date) -> str:
    """Return why a source is not asked on `day`; empty where it is due."""
    again = next_day(last, source.frequency)
    if not _is_seldom(source) or not last <= day < again:
        return ""
    return (
        f"Collected {source.frequency}: the last result is of {last} ({(day - last).days} day(s) "
        f"old); due again on {again}."
    )


def last_day(reason: str) -> date | None:
    """Return the day of the last result that `words` named; None for any other text."""
    found = _SAID.match(reason)
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def put_aside(catalogue: Catalogue, not_due: Mapping[str, str]) -> Catalogue:
    """Return the catalogue with the sources of these ids put aside, each with its words.

    Its digest stays: which sources were due follows from the evidence.
    """
    if not not_due:
        return catalogue
    sets = tuple(
        replace(one, controls=tuple(_narrowed(c, not_due) for c in one.controls))
        for one in catalogue.framework.control_sets
    )
    return replace(catalogue, framework=replace(catalogue.framework, control_sets=sets))


def _is_seldom(source: ControlSource) -> bool:
    asked = source.type is SourceType.API_CALL and not source.check
    return asked and source.frequency in _SELDOM


def _narrowed(control: Control, not_due: Mapping[str, str]) -> Control:
    sources = (
        replace(s, check=NOT_DUE, note=not_due[s.id]) if s.id in not_due and _is_seldom(s) else s
        for s in control.sources
    )
    return replace(control, sources=tuple(sources))
