"""Every kind of bad report is refused, with the message that says what is wrong and where."""

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from affidavit.report.verify.note import Key
from affidavit.report.verify.outcome import verify

KINDS = 70
"""How many kinds the gallery has at least; none is lost unseen."""


@pytest.fixture(scope="session")
def bad_reports(  # noqa: PLR0913, PLR0917 - fixtures, each by its name
    world: Any,
    good: Path,
    gallery: ModuleType,
    hostile: ModuleType,
    claims: ModuleType,
    manual_claims: ModuleType,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[Path, Any]:
    """Return every bad report, made from the good one, forged or hostile."""
    folder = tmp_path_factory.mktemp("bad")
    made = gallery.make_all(good, world.maker.ledger.signer, folder)
    made.update(hostile.make_all(good, folder))
    made.update(claims.make_all(gallery.Good(good, world.maker.ledger.signer), folder))
    made.update(manual_claims.make_all(gallery.Good(good, world.maker.ledger.signer), folder))
    return {folder / name: bad for name, bad in made.items()}


def test_each_bad_report_is_refused_with_its_message(
    world: Any, bad_reports: dict[Path, Any]
) -> None:
    """Each kind fails, and the first thing named is what was done to it."""
    key = Key(world.key.name, world.key.public)
    wrong = []
    for path, bad in bad_reports.items():
        outcome = verify(path, key)
        said = f"{outcome.failure.where}: {outcome.failure.what}" if outcome.failure else "verified"
        if outcome.verified or not re.search(bad.expected, said):
            wrong.append(f"{bad.name}: expected {bad.expected!r}, got {said!r}")
    assert not wrong, "\n".join(wrong)
    assert len(bad_reports) >= KINDS


def test_bad_reports_are_refused_without_a_key_too(bad_reports: dict[Path, Any]) -> None:
    """Whoever gives no key gets no verified report, whatever is in it."""
    assert not any(verify(path, None).verified for path in bad_reports)
