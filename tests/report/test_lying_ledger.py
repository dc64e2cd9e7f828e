"""Lies that were told before they were logged and signed: only the records can contradict them."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.report.conftest import make_world

from affidavit.collector.custom import CUSTOM, with_framework
from affidavit.errors import ReportError
from affidavit.model.catalogue import Catalogue, content, version_of, versioned
from affidavit.model.evidence import Evidence, Input
from affidavit.model.observation import Gap, Observation, Result
from affidavit.model.run import digest_of_answers
from affidavit.model.verdict import Standing, Verdict
from affidavit.report.rejudge import rejudge
from affidavit.report.verify.note import read_key
from affidavit.report.verify.outcome import verify

DAY = date(2026, 1, 8)
Worlds = Callable[..., Any]
Liar = Callable[[Evidence], Evidence]


def refused(world: Any, words: str, **options: Any) -> None:
    """Check that no report comes of the world, and that what is said of it matches `words`."""
    with pytest.raises(ReportError, match=words):
        world.build("lie.zip", **options)


def lie_in_evidence(world: Any, liar: Liar) -> None:
    """Make another run whose records went through `liar` before they were logged."""
    made = world.maker._evidence

    def lying(*arguments: Any) -> Iterator[Evidence]:
        return map(liar, made(*arguments))

    world.maker._evidence = lying
    world.maker.run(world.assessment, DAY)


def lie_in_answers(world: Any, liar: Callable[[Result], Result]) -> None:
    """Make another run whose answers went through `liar` before they were kept."""
    made = world.maker._result
    world.maker._result = lambda *arguments: liar(made(*arguments))
    world.maker.run(world.assessment, DAY)


def lie_in_run(world: Any, liar: Callable[[dict[str, Any]], Mapping[str, Any]]) -> None:
    """Make another run, and change members of its record before it is logged."""
    ledger = world.maker.ledger
    append = ledger.append

    def lying(record: dict[str, Any]) -> int:
        changed = {**record, **liar(record)} if record["kind"] == "run" else record
        leaf: int = append(changed)
        return leaf

    ledger.append = lying
    world.maker.run(world.assessment, DAY)


def test_day_of_another_start(fresh: Worlds) -> None:
    """A run is of the UTC day on which it started, and of no other."""
    world = fresh()
    lie_in_run(world, lambda _: {"started_at": "2026-01-07T23:59:59Z"})
    refused(world, "says that it is of 2026-01-08, but it started at 2026-01-07")


def test_replayed_answers(fresh: Worlds) -> None:
    """An answer of last week is not an answer of today's run."""
    world = fresh()

    def old(result: Result) -> Result:
        assert result.proof is not None
        week = timedelta(days=7)
        proof = replace(
            result.proof,
            started_at=result.proof.started_at - week,
            finished_at=result.proof.finished_at - week,
        )
        return replace(result, proof=proof)

    lie_in_answers(world, old)
    refused(
        world, r"was observed from 2026-01-01T.* not within run 5 .*: an answer of another time"
    )


def test_answer_after_the_run(fresh: Worlds) -> None:
    """What was asked after the run ended is no answer of it."""
    world = fresh()

    def late(result: Result) -> Result:
        assert result.proof is not None
        return replace(
            result,
            proof=replace(
                result.proof, finished_at=result.proof.finished_at + timedelta(minutes=10)
            ),
        )

    lie_in_answers(world, late)
    refused(world, "not within run 5")


def test_answer_of_another_account(fresh: Worlds) -> None:
    """An answer that was asked with another account's credentials is not this account's."""
    world = fresh()

    def foreign(result: Result) -> Result:
        assert result.proof is not None
        arn = "arn:aws:sts::999999999999:assumed-role/audit/run"
        return replace(result, proof=replace(result.proof, caller_arn=arn))

    lie_in_answers(world, foreign)
    refused(
        world, "but 'arn:aws:sts::999999999999:assumed-role/audit/run' asked in its own account"
    )


def test_emulator_without_its_mark(fresh: Worlds) -> None:
    """An answer that carries no mark must come from an endpoint of AWS."""
    for endpoint in ("http://127.0.0.1:5000", "https://s3.amazonaws.com.evil.example"):
        world = fresh(synthetic=False)

        def emulated(result: Result, endpoint: str = endpoint) -> Result:
            assert result.proof is not None
            return replace(result, proof=replace(result.proof, endpoint=endpoint))

        lie_in_answers(world, emulated)
        refused(world, f"is not marked synthetic, but {endpoint} is not an endpoint of AWS")


def test_two_answers_to_one_question(fresh: Worlds) -> None:
    """A run has one answer to each question: the better one cannot be chosen later."""
    world = fresh()
    ledger = world.maker.ledger
    again: list[str] = []

    def twice(record: dict[str, Any]) -> Mapping[str, Any]:
        known = ledger.asked[record["run_id"]]
        first = next(r for d, r in ledger.results.items() if d in known and not isinstance(r, Gap))
        assert isinstance(first, Observation)
        other = replace(first, body={"items": []})
        ledger.results[other.digest] = other
        known.add(other.digest)
        again.append(other.digest)
        return {"answers": len(known), "answers_digest": digest_of_answers(known)}

    lie_in_run(world, twice)
    refused(world, "is a second answer to one question of run 5")
    assert again


def test_input_of_another_run(fresh: Worlds) -> None:
    """A record cites answers of its own run only, though the report holds the other one too."""
    world = fresh()
    earlier = world.maker.ledger.kept[0][1].inputs[0].digest

    def cite(evidence: Evidence) -> Evidence:
        if not evidence.inputs or evidence.account_id != "111122223333":
            return evidence
        return replace(evidence, inputs=(Input(digest=earlier, pointer="/items/0"),))

    lie_in_evidence(world, cite)
    refused(world, "which is not among the answers that run 5 committed to")


def test_input_of_another_account(fresh: Worlds) -> None:
    """A record on one account does not rest on what another account answered."""
    world = fresh()

    def move(evidence: Evidence) -> Evidence:
        accounts = {"111122223333": "444455556666", "444455556666": "111122223333"}
        return replace(evidence, account_id=accounts[evidence.account_id])

    lie_in_evidence(world, move)
    refused(world, "but cites an answer of")


def test_compliant_because_of_a_gap(fresh: Worlds) -> None:
    """A record whose gap was painted over is contradicted by the gap that it cites."""
    world = fresh()

    def paint(evidence: Evidence) -> Evidence:
        if evidence.gap != "denied":
            return evidence
        return replace(evidence, gap="", verdict=Verdict.COMPLIANT, standing=Standing.JUDGED)

    lie_in_evidence(world, paint)
    refused(world, "is COMPLIANT, but cites nothing but gaps")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"check_digest": "0" * 64}, "was judged by another \\S+ than catalogue.json holds"),
        ({"check_id": "always-fine"}, "its check_id is 'always-fine'; its source has"),
        ({"source_id": "no-source"}, "is of a source that is not in catalogue.json"),
        ({"keyword": "s3_GetObject"}, "its keyword is 's3_GetObject'; its source has"),
        ({"control_set_id": "OTHER"}, "its control_set_id is 'OTHER'; its source has"),
        ({"parameters": '{"max_key_age_days":9999}'}, "was judged with the parameters"),
    ],
)
def test_record_of_other_rules(fresh: Worlds, changes: dict[str, Any], words: str) -> None:
    """A record names source, check, version and parameters as catalogue and run record do."""
    world = fresh()
    lie_in_evidence(world, lambda e: replace(e, **changes) if e.check_id else e)
    refused(world, words)


def test_unknown_check_in_the_catalogue(fresh: Worlds) -> None:
    """A source whose check the catalogue does not hold is a failure, whatever its records say."""
    world = fresh()
    known = world.maker.catalogue
    gone = next(s.check for c in known.framework.controls() for s in c.sources if s.check)
    checks = {name: check for name, check in known.checks.items() if name != gone}
    poorer = versioned(replace(known, checks=checks))
    world.maker.ledger.catalogues[poorer.digest] = content(poorer)
    lie_in_run(world, lambda _: {"catalogue_digest": poorer.digest})
    refused(world, f"the check {gone} is not in catalogue.json")


def test_hidden_parameters(fresh: Worlds) -> None:
    """Parameters that the run record denies show in the records that were judged with them."""
    world = fresh()
    lie_in_run(world, lambda _: {"parameters": "{}"})
    refused(world, "was judged with the parameters .* catalogue and run record give")


def test_dropped_source(fresh: Worlds) -> None:
    """A check that left no record in an account is missed, though the run never counted any."""
    world = fresh()
    made = world.maker._evidence

    def without(*arguments: Any) -> Iterator[Evidence]:
        for evidence in made(*arguments):
            if not (evidence.check_id and evidence.account_id == "444455556666"):
                yield evidence

    world.maker._evidence = without
    world.maker.run(world.assessment, DAY)
    refused(world, "has no record of its check .* in the account 444455556666")


def test_dropped_control(fresh: Worlds) -> None:
    """A run that lacks a control of its catalogue is refused."""
    world = fresh()
    known = world.maker.catalogue
    first, *others = known.framework.control_sets
    world.maker.catalogue = replace(
        known, framework=replace(known.framework, control_sets=tuple(others))
    )
    world.maker.run(world.assessment, DAY)
    world.maker.catalogue = known
    refused(world, f"lacks the control {first.controls[0].id}")


def test_record_logged_twice(fresh: Worlds) -> None:
    """Two records with one id are one record counted twice."""
    world = fresh()
    lie_in_evidence(world, lambda e: replace(e, id="019b8797-5300-75d8-9818-000000000000"))
    refused(world, "has two records of the same id")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"evidence": True}, "its evidence is no int"),
        ({"certified": "yes"}, "has the unknown member 'certified'"),
        ({"gaps": {}}, "says gaps {}, but its records give"),
        ({"synthetic": False}, "is synthetic, but its run does not say so"),
        ({"framework_version": "9"}, "is of the framework"),
        (
            {"accounts": ["111122223333"]},
            "of the account 444455556666, which run 5 did not collect",
        ),
        ({"run_id": "another"}, "is not of the run|is of another run"),
    ],
)
def test_lying_run_record(fresh: Worlds, changes: dict[str, Any], words: str) -> None:
    """What a run record says of itself is held against its form, its records and its catalogue."""
    world = fresh()
    lie_in_run(world, lambda _: changes)
    if "run_id" in changes:
        ledger = world.maker.ledger
        ledger.asked["another"] = ledger.asked[max(ledger.asked)]
    refused(world, words)


def test_run_with_the_id_of_another(fresh: Worlds) -> None:
    """Two runs with one id would let the one be judged again by the record of the other."""
    world = fresh()
    first = next(r for r in world.maker.ledger.records.values() if r["kind"] == "run")
    lie_in_run(world, lambda _: {"run_id": first["run_id"]})
    refused(world, "has the id of another run")


def test_each_run_with_its_own_rules(fresh: Worlds) -> None:
    """A report over two versions of the catalogue holds both, and records go by their own."""
    world = fresh()
    known = world.maker.catalogue
    name = next(s.check for c in known.framework.controls() for s in c.sources if s.check)
    stricter = replace(known.checks[name], compliant="false", digest="")
    changed = versioned(replace(known, checks={**known.checks, name: _versioned(stricter)}))
    world.maker.catalogue = changed
    world.maker.ledger.catalogues[changed.digest] = content(changed)
    world.maker.run(world.assessment, DAY)
    path = world.build("two.zip")
    outcome = verify(path, read_key(str(world.key)))
    assert outcome.verified, outcome.failure
    assert "rules of 2 versions" in dict(outcome.steps)["evidence"]
    assert outcome.facts["deviations"] == [
        {
            "check": "model-approved",
            "parameter": "approved_models",
            "value": json.dumps(["anthropic.claude", "amazon.nova"]),
        }
    ]
    del world.maker.ledger.catalogues[known.digest]
    refused(
        world, f"The catalogue {known.digest} that a run of the report used is not in the store"
    )


def _versioned(check: Any) -> Any:
    return replace(check, digest=version_of(check))


@pytest.mark.parametrize(
    ("version", "words"),
    [("0.1.0", "another version of the catalogue"), (CUSTOM, "has other sources of GENAI-RESP-01")],
)
def test_a_framework_that_was_thinned_out(
    catalogue: Catalogue, tmp_path: Path, version: str, words: str
) -> None:
    """Nobody passes by asking less: shipped controls have their sources, under any framework."""
    first, *others = catalogue.framework.control_sets
    control, *more = first.controls
    thin = replace(first, controls=(replace(control, sources=control.sources[1:]), *more))
    framework = replace(catalogue.framework, version=version, control_sets=(thin, *others))
    world = make_world(tmp_path, with_framework(catalogue, framework))
    report = world.build("thin.zip", first_day=DAY)
    outcome = verify(report, read_key(str(world.key)))
    assert outcome.verified, outcome.failure
    rejudge(report, outcome, catalogue)
    assert outcome.failure is not None
    assert words in outcome.failure.what


def test_an_account_that_is_not_looked_at_any_more(fresh: Worlds) -> None:
    """What fails can be left out of the next run's estate: the report tells who is gone since."""
    world = fresh()
    estate = world.assessment.estate
    other = replace(estate, accounts=(estate.accounts[0], "999988887777"))
    world.maker.run(replace(world.assessment, estate=other), DAY)
    outcome = verify(world.build("other.zip"), read_key(str(world.key)))
    assert outcome.verified, outcome.failure
    (note,) = (one for one in outcome.notes if one.startswith("What is so in"))
    assert "444455556666 after run 4: run 5, whose verdicts count" in note
