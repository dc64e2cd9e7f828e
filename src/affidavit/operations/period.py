"""The period view of an assessment, as data and as files."""

from datetime import date
from pathlib import Path

from affidavit.errors import UsageError
from affidavit.finder.engine import Finder
from affidavit.finder.period import Period, view
from affidavit.finder.period_shown import csv_lines, svg
from affidavit.model.times import utc_now
from affidavit.operations.renamed import renamed
from affidavit.operations.reports import find_assessment
from affidavit.settings import Settings
from affidavit.store import open_store


def period(
    settings: Settings, wanted: str, first: date, last: date, today: date | None = None
) -> Period:
    """Return what each control of an assessment was on each day from `first` to `last`."""
    with open_store(settings, create=False) as store, Finder(store) as finder:
        assessment = find_assessment(renamed(store), wanted)
        return view(store, finder, assessment, first, last, today or utc_now().date())


def write_csv(shown: Period, path: Path) -> None:
    """Write a row for each control and day."""
    _write(path, b"".join(csv_lines(shown)))


def write_svg(shown: Period, path: Path) -> None:
    """Write the chart."""
    _write(path, svg(shown).encode())


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written",
            why=error.strerror or str(error),
            todo="Give another file.",
        ) from error
