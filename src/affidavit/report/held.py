"""Which run records and other records of the ledger a package holds, and which catalogues."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from affidavit.errors import ReportError
from affidavit.model.catalogue import Catalogue, content
from affidavit.model.run import Assessment
from affidavit.report.history import History, runs_of
from affidavit.report.source import ReportSource
from affidavit.report.verify import added, deleted
from affidavit.report.verify.failure import VerificationError

_SPAN = 100_000
"""Leaves whose records are in memory at once."""
_LOOK_BACK = 7
"""Days before the period in which a run may have begun that was committed within it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """The deleted evidence of a run."""

    day: date
    records: int
    how: deleted.Deletion


class Held:
    """Reads them from the store, in the order of leaves, as often as they are asked for."""

    def __init__(
        self,
        source: ReportSource,
        assessment: Assessment,
        history: History,
        checkpoint: tuple[int, date],
        installed: Catalogue,
    ) -> None:
        """`checkpoint`: its size and today; `installed`: in case that the store has it not."""
        self._installed = installed
        self._source, self._assessment, self._history = source, assessment, history
        self._size, self._today = checkpoint

    def runs(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield the run before the period and every one behind it, up to the checkpoint."""
        begin, size = self._history.begin, self._size
        first = self._history.first_day - timedelta(days=_LOOK_BACK)
        for leaf, record in self._before():
            yield leaf, record
        for leaf, record in runs_of(self._source, self._assessment.tenant, first, self._today):
            if begin <= leaf < size:
                yield leaf, record

    def _before(self) -> Iterator[tuple[int, dict[str, Any]]]:
        if self._history.before is not None:
            yield self._history.begin - 1, self._history.before

    def inside(self) -> Iterator[dict[str, Any]]:
        """Yield the run records of the report."""
        first, last = self._history.first_day, self._history.last_day
        for _, record in self.runs():
            day = date.fromisoformat(record["day"])
            if record["assessment_id"] == self._assessment.id and first <= day <= last:
                yield record

    def deleted(self) -> dict[str, "Gone"]:
        """Return how the evidence of runs of the report was deleted, by the runs' ids."""
        try:
            acts = [deleted.deletion_in(leaf, one, f"leaf {leaf}") for leaf, one in self.records()]
        except VerificationError as error:
            raise ReportError(
                "A record of the ledger cannot be read",
                why=f"{error.where}: {error.what}.",
                todo="Run `affidavit ledger verify`.",
            ) from error
        told = [one for one in acts if one is not None]
        found = {}
        for record in self.inside() if told else ():
            number = int(record["evidence"])
            how = deleted.of_run(record, record["first_leaf"] + number, told)
            if how is not None:
                day = date.fromisoformat(record["day"])
                found[record["run_id"]] = Gone(day=day, records=number, how=how)
        return found

    def records(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield every record behind `begin`; of earlier ones those on keys and parameters.

        And those on manual evidence of the assessment, which counts for long. In the order of
        leaves, a span of the ledger at a time.
        """
        size, begin = self._size, self._history.begin
        for first in range(0, size, _SPAN):
            last = min(first + _SPAN, size) - 1
            found = self._source.records_between(self._assessment.tenant, first, last)
            for leaf, record in sorted(found, key=lambda pair: pair[0]):
                if (
                    leaf >= begin
                    or record["kind"] in ("key", "parameter")
                    or added.is_told(record, self._assessment.id)
                ):
                    yield leaf, record

    def manual(self, chosen: Iterable[str] | None) -> list[added.Item]:
        """Return the items of manual evidence, or the chosen ones."""
        items = added.Items(self._assessment.id)
        for leaf, record in self.records():
            items.add(leaf, record, f"leaf {leaf}")
        return items.listed(chosen)

    def catalogue(self, digest: str) -> bytes:
        """Return the content of a version of the catalogue."""
        data = self._source.catalogue(self._assessment.tenant, digest)
        if data is None and digest == self._installed.digest:
            data = content(self._installed)
        if data is None:
            raise ReportError(
                f"The catalogue {digest} that a run of the report used is not in the store",
                why="Without it nobody can tell by which rules that run judged.",
                todo="Restore the store from a backup, or choose a period without that run.",
            )
        return data
