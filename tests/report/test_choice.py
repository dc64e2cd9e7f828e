"""Reports of chosen evidence: exactly what the ledger says was chosen, the rest accounted for."""

import io
import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from affidavit.catalogue import load
from affidavit.errors import ReportError
from affidavit.model.canonical import plain_json
from affidavit.report.choice import Choice, counted
from affidavit.report.rejudge import rejudge
from affidavit.report.verify.note import Key
from affidavit.report.verify.outcome import Outcome, verify
from affidavit.report.verify.summary import render
from affidavit.report.verify.uniques import Uniques

QUERY = "compliance = COMPLIANT"
LATER = datetime.fromisoformat("2026-01-08T07:00:00Z")


def choose(world: Any, wanted: Callable[[Any], bool], **said: Any) -> Choice:
    """Choose records of the world's assessment and say so in its ledger."""

    def rows() -> Any:
        every = world.maker.ledger.evidence(world.assessment.id, date.min, date.max)
        return (pair for pair in every if wanted(pair[1]))

    found = counted(rows())
    choice = Choice(
        **{"by": "query", "query": QUERY, "records": found.records, "digest": found.digest, **said},
        rows=rows,
    )
    return replace(choice, leaf=logged(world, choice))


def logged(world: Any, choice: Choice) -> int:
    """Append the record that says what was chosen; return its leaf."""
    leaf: int = world.maker.ledger.append(
        {
            "kind": "change",
            "assessment_id": world.assessment.id,
            "details": plain_json({"choice": choice.said()}).decode(),
        }
    )
    world.maker.ledger.sign()
    return leaf


def verified(world: Any, path: Path, previous: Path | None = None) -> Outcome:
    """Return what verifying finds under the world's key."""
    return verify(path, Key(world.key.name, world.key.public), previous)


@pytest.fixture
def part(fresh: Callable[..., Any]) -> tuple[Any, Path]:
    """Return a world and a report of its compliant evidence."""
    world = fresh()
    choice = choose(world, lambda one: one.verdict == "COMPLIANT")
    return world, world.build("part.zip", LATER, choice=choice)


def test_it_verifies_and_says_what_is_left_out(part: tuple[Any, Path]) -> None:
    """Nobody takes it for all evidence: what was chosen, how, and what is left out is told."""
    world, path = part
    outcome = verified(world, path)
    assert outcome.verified, outcome.failure
    left = sum(n.get("NON_COMPLIANT", 0) for n in outcome.facts["omitted"].values())
    every = [e for _, e in world.maker.ledger.evidence(world.assessment.id, date.min, date.max)]
    assert left == sum(one.verdict == "NON_COMPLIANT" for one in every) > 0
    text = " ".join(render(outcome).split())
    assert f"{left} non-compliant" in text
    assert QUERY in text
    assert "It holds chosen evidence only" in text
    assert "no record of its period was left out" not in text
    with zipfile.ZipFile(path) as archive:
        cited = sum(name.startswith("observations/") for name in archive.namelist())
        records = [
            json.loads(line)["record"] for line in archive.read("evidence.jsonl").splitlines()
        ]
        pdf = PdfReader(io.BytesIO(archive.read("report.pdf")))
    assert cited == len({one[0] for record in records for one in record["inputs"]})
    words = " ".join(pdf.pages[0].extract_text().split())
    assert f"{len(records)} records of the period\u2019s {len(every)}" in words
    assert any("non-compliant" in page.extract_text() for page in pdf.pages)
    with zipfile.ZipFile(path) as archive:
        told = " ".join(archive.read("README.txt").decode().split())
    assert "CHOSEN EVIDENCE ONLY" in told
    assert "no record and no run" not in told


def test_verdicts_are_those_of_all_evidence(part: tuple[Any, Path]) -> None:
    """Choosing the good records makes no control compliant."""
    world, path = part
    found = verified(world, path).facts["controls_last_run"]
    runs = [r for r in world.maker.ledger.records.values() if r["kind"] == "run"]
    last = [r for r in runs if r["assessment_id"] == world.assessment.id][-1]
    assert found == {name: said["verdict"] for name, said in last["controls"].items()}
    assert "NON_COMPLIANT" in found.values()


def test_partial_controls_are_not_counted_as_compliant(good: Path, world: Any) -> None:
    """The sum of compliant controls holds whole ones only; partial ones stand apart."""
    outcome = verified(world, good)
    last, partial = outcome.facts["controls_last_run"], outcome.facts["partial_controls"]
    assert partial
    automated = [name for name in partial if last[name] == "COMPLIANT"]
    plain = sum(verdict == "COMPLIANT" for verdict in last.values()) - len(automated)
    text = " ".join(render(outcome).split())
    assert f"Controls: {plain} compliant," in text
    assert ("in their automated part only" in text) is bool(automated)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"records": 3}, "are not the 3 which were chosen"),
        ({"digest": "0" * 64}, "which were chosen"),
    ],
)
def test_other_records_than_those_chosen(
    fresh: Callable[..., Any], said: dict[str, Any], words: str
) -> None:
    """A report that holds other records than the ledger says is refused, by us first."""
    world = fresh()
    choice = choose(world, lambda one: one.verdict == "COMPLIANT", **said)
    with pytest.raises(ReportError, match=words):
        world.build("lie.zip", LATER, choice=choice)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"query": "all of it"}, "the ledger: "),
        ({"by": "sample", "seed": "1"}, "the ledger: "),
        ({"leaf": 0}, "says nothing of a choice|does not say what was chosen"),
    ],
)
def test_the_manifest_says_what_the_ledger_says(
    part: tuple[Any, Path], gallery: Any, tmp_path: Path, said: dict[str, Any], words: str
) -> None:
    """How the evidence was chosen cannot be told otherwise afterwards, not even by the operator."""
    world, path = part
    good = gallery.Good(path, world.maker.ledger.signer)
    forged = tmp_path / "forged.zip"
    good.write(forged, {}, good.signer, choice={**good.predicate["choice"], **said})
    failure = verified(world, forged).failure
    assert failure is not None
    assert re.search(words, failure.what)


def test_a_part_is_not_sold_as_all(part: tuple[Any, Path], gallery: Any, tmp_path: Path) -> None:
    """Signed anew as complete, a report of chosen evidence lacks what it leaves out."""
    world, path = part
    good = gallery.Good(path, world.maker.ledger.signer)
    forged = tmp_path / "forged.zip"
    good.write(forged, {}, good.signer, completeness="all", choice={})
    failure = verified(world, forged).failure
    assert failure is not None
    assert "names" in failure.what or "omitted" in failure.what


def test_dropped_record(part: tuple[Any, Path], gallery: Any, tmp_path: Path) -> None:
    """A record that was chosen cannot be dropped later, be it in the table as well."""
    world, path = part
    good = gallery.Good(path, world.maker.ledger.signer)
    lines = good.files["evidence.jsonl"].splitlines(keepends=True)
    rows = good.files["evidence.csv"].splitlines(keepends=True)
    changed = {"evidence.jsonl": b"".join(lines[:-1]), "evidence.csv": b"".join(rows[:-1])}
    forged = tmp_path / "forged.zip"
    good.write(forged, changed, good.signer)
    failure = verified(world, forged).failure
    assert failure is not None


def test_previous_and_rejudge(part: tuple[Any, Path]) -> None:
    """A report of all stands beside one of a part; what a part cannot show is refused in words."""
    world, path = part
    whole = world.build("whole.zip", LATER)
    for new, old in ((whole, path), (path, path)):
        outcome = verified(world, new, old)
        assert outcome.verified, outcome.failure
    outcome = verified(world, path)
    rejudge(path, outcome, load())
    assert outcome.failure is not None
    assert "chosen" in outcome.failure.what


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 40])
def test_uniques(count: int) -> None:
    """Whether a text came twice is told wherever the pieces end."""
    for twice in (False, True):
        seen = Uniques(piece=8)
        for number in range(count):
            seen.add(str(number))
        if twice and count:
            seen.add("0")
        assert seen.twice() is (twice and count > 0)
