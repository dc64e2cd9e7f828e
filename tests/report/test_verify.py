"""A good report is verified, what is not proved is said; wrong keys and ledgers are refused."""

import json
import re
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from affidavit.errors import ReportError
from affidavit.ledger.keys import Signer
from affidavit.model.verdict import Standing, Verdict
from affidavit.report.pyz import build_pyz
from affidavit.report.verify.failure import VerificationError
from affidavit.report.verify.main import main
from affidavit.report.verify.note import Key, KeyProblemError, read_key
from affidavit.report.verify.outcome import verify
from affidavit.report.verify.runs import read_time
from affidavit.report.verify.summary import WIDTH, render


def test_good_report(world: Any, good: Path) -> None:
    """A good report is verified, and the summary says what it holds and what it does not prove."""
    outcome = verify(good, read_key(str(world.key)))
    assert outcome.verified
    assert [step for step, _ in outcome.steps] == [
        *("archive", "manifest", "files", "checkpoint", "runs", "observations", "evidence"),
        *("manual evidence", "totals", "time stamp", "ledgers"),
    ]
    text = render(outcome, details=True)
    assert max(len(line) for line in text.splitlines()) <= WIDTH
    assert all(f" ok   {step} " in text for step, _ in outcome.steps)
    assert "1 day: 2026-01-06" in text
    assert "runs 2 to 4, none missing" in text
    assert "no outside time stamp" in text
    assert "SYNTHETIC" in text.splitlines()[-1]
    assert text.count("GENAI-") == len(world.maker.catalogue.framework.control_sets[0].controls) + 4


def test_counts_are_those_of_the_run_records(world: Any, good: Path) -> None:
    """The totals per control and verdict are the sums of what the runs of the period counted."""
    outcome = verify(good, read_key(str(world.key)))
    runs = [r for r in world.maker.ledger.records.values() if r["kind"] == "run"]
    own = [r for r in runs if r["assessment_id"] == world.assessment.id and r["sequence"] > 1]
    for control, counts in outcome.facts["evidence_by_control"].items():
        for verdict, number in counts.items():
            assert number == sum(r["controls"][control]["records"][verdict] for r in own)


def test_without_a_key_nothing_is_verified(good: Path) -> None:
    """The key in the report proves nothing: all checks hold, yet the outcome is not verified."""
    outcome = verify(good, None)
    assert outcome.failure is None
    assert not outcome.verified
    assert "No key was given" in " ".join(render(outcome).split())


def test_wrong_key(good: Path) -> None:
    """Another key than the operator's is told from his by its id."""
    outcome = verify(good, Key("", b"\x07" * 32))
    assert outcome.failure is not None
    assert "is signed by the key" in outcome.failure.what


def test_key_of_another_tenant(world: Any, good: Path) -> None:
    """A verifier key that names another ledger does not fit."""
    outcome = verify(good, Key("affidavit/999999999999/us-east-1", world.key.public))
    assert outcome.failure is not None
    assert "the key given is of affidavit/999999999999/us-east-1" in outcome.failure.what


def test_keys_in_files(world: Any, good: Path, tmp_path: Path) -> None:
    """A PEM file and a file with a verifier key do the same as the key's text."""
    public = world.maker.ledger.signer.public
    (tmp_path / "key.pem").write_bytes(public.pem())
    (tmp_path / "key.txt").write_text(f"\n{world.key}\n")
    for name in ("key.pem", "key.txt"):
        assert verify(good, read_key(str(tmp_path / name))).verified


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no key",
        "a+00000000+AAAA",
        "-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----",
        "-----BEGIN PRIVATE KEY-----",
    ],
)
def test_what_is_no_key(text: str) -> None:
    """What is no public key is a mistake in use, not a verdict on the report."""
    with pytest.raises(KeyProblemError):
        read_key(text)


def test_exit_codes(world: Any, good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """0 verified, 1 not verified, 2 wrong use; and JSON says the same as the text."""
    assert main([str(good), "--key", str(world.key), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["verified"] is True
    assert said["synthetic"] is True
    with zipfile.ZipFile(good) as package:
        rows = [json.loads(line)["record"] for line in package.read("evidence.jsonl").splitlines()]
    assert said["evidence"] == Counter(row["verdict"] for row in rows)
    assert len(said["evidence"]) == 3
    assert main([str(good)]) == 1
    assert main([str(good), "--key", "nonsense"]) == 2
    assert main([str(good.parent / "absent.zip"), "--key", str(world.key)]) == 2


def test_earlier_report_of_the_same_ledger(world: Any, good: Path) -> None:
    """A report of an earlier checkpoint is shown to be the beginning of the later ledger."""
    ledger = world.maker.ledger
    later, ledger.signed = ledger.signed, ledger.signed[:2]
    try:
        old = world.build("old.zip", first_day=datetime(2026, 1, 4, tzinfo=UTC).date())
    finally:
        ledger.signed = later
    key = read_key(str(world.key))
    assert verify(old, key).verified
    outcome = verify(good, key, old)
    assert outcome.verified, outcome.failure
    assert "is the beginning of this one" in dict(outcome.steps)["ledgers"]
    backwards = verify(old, key, good)
    assert backwards.failure is not None
    assert "is not earlier" in backwards.failure.what


def test_rewritten_ledger(world: Any, fresh: Callable[..., Any], good: Path) -> None:
    """Two ledgers under one key, of which neither is the beginning of the other, are told apart."""
    other = fresh()
    assert other.maker.ledger.signer.public.raw == world.maker.ledger.signer.public.raw
    other.maker.ledger.tree._levels[0][5] = b"\x01" * 32
    tree = other.maker.ledger.tree
    tree._levels = [tree._levels[0]]
    tree.extend([])
    other.maker.run(other.assessment, datetime(2026, 1, 8, tzinfo=UTC).date())
    forged = other.build("forged.zip", first_day=datetime(2026, 1, 8, tzinfo=UTC).date())
    outcome = verify(forged, read_key(str(world.key)), good)
    assert outcome.failure is not None
    assert "is not the beginning of this one" in outcome.failure.what


def test_rotated_key(fresh: Callable[..., Any]) -> None:
    """Whoever has the key before a rotation can follow its signed statement to the new one."""
    world = fresh()
    old = read_key(str(world.key))
    first = world.build("first.zip")
    new = Signer(Ed25519PrivateKey.generate(), protected=True)
    world.maker.ledger.rotate(new, datetime(2026, 1, 8, 5, tzinfo=UTC))
    second = world.build("second.zip")
    outcome = verify(second, old, first)
    assert outcome.verified, outcome.failure
    assert "the key given was rotated to it" in dict(outcome.steps)["manifest"]
    assert verify(second, read_key(str(world.key))).verified
    assert outcome.facts["signing_key_protection"] == "file encrypted under a passphrase"


def test_compliant_in_spite_of_a_gap(fresh: Callable[..., Any]) -> None:
    """A record that is COMPLIANT with a gap never becomes a report: the builder verifies first."""
    world = fresh()
    maker = world.maker
    judged = maker._judged

    def lie(*arguments: Any) -> Any:
        evidence = judged(*arguments)
        if evidence.gap == "denied":
            return type(evidence)(
                **{n: getattr(evidence, n) for n in evidence.__slots__}
                | {"verdict": Verdict.COMPLIANT, "standing": Standing.JUDGED}
            )
        return evidence

    maker._judged = lie
    maker.run(world.assessment, datetime(2026, 1, 8, tzinfo=UTC).date())
    with pytest.raises(ReportError, match="COMPLIANT in spite of a gap"):
        world.build("lie.zip")
    assert not list(world.folder.glob("*lie*")), "nothing half-written is left"


def test_backdated_run(fresh: Callable[..., Any]) -> None:
    """A run that says it was before the one before it is named as backdated."""
    world = fresh()
    world.maker.run(world.assessment, datetime(2026, 1, 7, tzinfo=UTC).date())
    with pytest.raises(ReportError, match="is backdated"):
        world.build("back.zip")


def test_wrong_verdict_of_a_control(fresh: Callable[..., Any]) -> None:
    """A run record whose verdict does not follow from its records is named with the control."""
    world = fresh()
    ledger = world.maker.ledger
    leaf, record = next(reversed([(n, r) for n, r in ledger.records.items() if r["kind"] == "run"]))
    control = next(k for k, c in record["controls"].items() if c["verdict"] == "NON_COMPLIANT")
    record["controls"][control]["verdict"] = "COMPLIANT"
    entries = [ledger.tree._levels[0][n] for n in range(leaf)]
    ledger.tree._levels = [entries]
    ledger.tree.extend([])
    assert ledger.append(record) == leaf
    ledger.signed.pop()
    ledger.sign()
    with pytest.raises(ReportError, match=f"control {control}: says verdict COMPLIANT"):
        world.build("wrong.zip")


def test_single_file_verifier(world: Any, good: Path, gallery: Any, tmp_path: Path) -> None:
    """The verifier as one file accepts a good and refuses a bad report, isolated from all else."""
    pyz = build_pyz(tmp_path / "affidavit-verify.pyz")
    assert build_pyz(tmp_path / "again.pyz").read_bytes() == pyz.read_bytes()
    bad = tmp_path / "bad.zip"
    opened = gallery.Good(good, world.maker.ledger.signer)
    next(b for b in gallery.GALLERY if b.name == "omitted-records").make(opened, bad)
    for path, code, words in ((good, 0, "VERIFIED"), (bad, 1, "NON_COMPLIANT of GENAI-")):
        command = [sys.executable, "-I", str(pyz), str(path), "--key", str(world.key)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == code, done.stderr
        assert words in done.stdout


def test_real_evidence_is_not_marked(fresh: Callable[..., Any]) -> None:
    """Evidence from AWS's own endpoints carries no synthetic mark anywhere."""
    world = fresh(synthetic=False)
    outcome = verify(world.build("real.zip"), read_key(str(world.key)))
    assert outcome.verified
    assert outcome.facts["synthetic"] is False
    assert "SYNTHETIC" not in render(outcome)


def test_late_evidence(fresh: Callable[..., Any]) -> None:
    """Evidence dated after its run ended is refused."""
    world = fresh()
    maker = world.maker
    judged = maker._evidence

    def late(*arguments: Any) -> Any:
        for evidence in judged(*arguments):
            yield type(evidence)(
                **{n: getattr(evidence, n) for n in evidence.__slots__}
                | {"time": evidence.time + timedelta(hours=1)}
            )

    maker._evidence = late
    maker.run(world.assessment, datetime(2026, 1, 8, tzinfo=UTC).date())
    with pytest.raises(ReportError, match="after its run ended"):
        world.build("late.zip")


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+23:00", "9999-12-31T23:59:00Z", "2026-01-01T00:00:00", "x"]
)
def test_what_is_no_time_of_a_run(text: str) -> None:
    """A time that no clock can be added to is refused in words, and ends nothing."""
    with pytest.raises(VerificationError, match=re.escape(text)):
        read_time(text, "runs.jsonl line 1")
