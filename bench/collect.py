"""Collection on the simulated estate: against Prowler on the same endpoint, and ten times larger.

The emulator runs in a process of its own and counts the requests that it answers; it is the slower
half, so wall times say little about AWS, but the same of both. Prowler has its own checks, not our
controls, so checks are compared: distinct ones with a PASS or FAIL, and ours that decided a record.
"""

import csv
import json
import os
import sys
import tempfile
import urllib.request
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from affidavit import demo
from affidavit.model.times import utc_now
from affidavit.model.verdict import Standing
from affidavit.settings import Settings
from affidavit.store import open_store
from bench.measure import Measured, measure

PROWLER = Path(__file__).parent.parent / ".venv-peers" / "bin" / "prowler"
SERVICES = ("backup", "bedrock", "cloudtrail", "cloudwatch", "config", "ec2", "iam", "kms", "s3")
"""The services that the framework reads, as Prowler names them."""
GOAL_MIB = 200


def run() -> Mapping[str, float | str]:
    """Measure ours at 1x and 10x, and Prowler at 1x where it is installed."""
    figures: dict[str, float | str] = {}
    with demo.start() as estate:
        before = _requests(estate.endpoint_url)
        ours, answered, checks, naive = _ours(estate)
        calls = _requests(estate.endpoint_url) - before
        figures |= {
            "ours.requests": float(calls),
            "ours.controls_answered": float(answered),
            "ours.checks_answered": float(checks),
            "ours.questions_per_naive": naive,
            "ours.wall_s": ours.wall,
            "ours.cpu_s": ours.cpu,
            "ours.peak_mib": ours.peak,
            "ours.peak_over_goal": ours.peak / GOAL_MIB,
        }
        figures |= _prowler(estate, ours, calls / max(checks, 1))
    with demo.start(scale=10) as estate:
        large, *_ = _ours(estate)
    figures |= {
        "ours_10x.wall_s": large.wall,
        "ours_10x.peak_mib": large.peak,
        "ours_10x.peak_ratio": large.peak / ours.peak,
        "ours_10x.wall_ratio": large.wall / ours.wall,
    }
    return figures


def _environment(estate: demo.Simulated, folder: Path) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": estate.endpoint_url,
        "AWS_ACCESS_KEY_ID": estate.access_key,
        "AWS_SECRET_ACCESS_KEY": estate.secret_key,
        "AWS_DEFAULT_REGION": estate.regions[0],
        "AWS_EC2_METADATA_DISABLED": "true",
        "AFFIDAVIT_HOME": str(folder / "home"),
        "AFFIDAVIT_KEYS": str(folder / "keys"),
        "HOME": str(folder),
        "PATH": os.environ["PATH"],
    }


def _ours(estate: demo.Simulated) -> tuple[Measured, int, int, float]:
    """Return the cost of one run without report, controls and checks answered, asked over naive."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [
            str(Path(sys.executable).parent / "affidavit"),
            "run",
            "--json",
            "--no-report",
            "--role-name",
            estate.role_name,
            "--external-id",
            estate.external_id,
        ]
        command += [part for account in estate.accounts for part in ("--account", account)]
        measured = measure(command, _environment(estate, folder), folder)
        checks = _checks_answered(folder)
    if measured.code != 0:
        raise SystemExit(f"affidavit run ended with {measured.code}:\n{measured.output}")
    text = measured.output
    summary = json.loads(text[text.index("{") : text.rindex("}") + 1])
    answered = sum(c["verdict"] != "NOT_APPLICABLE" for c in summary["controls"].values())
    return measured, answered, checks, summary["questions"] / summary["naiveQuestions"]


def _checks_answered(folder: Path) -> int:
    """Return how many checks decided at least one record, as for Prowler's checks."""
    settings = Settings(home=folder / "home", keys=folder / "keys")
    with open_store(settings) as store:
        assessment = store.assessments()[0]
        today = utc_now().date()
        evidence = store.evidence(assessment.id, today - timedelta(days=1), today)
        return len({e.check_id for _, e in evidence if e.standing is Standing.JUDGED})


def _prowler(
    estate: demo.Simulated, ours: Measured, calls_per_answer: float
) -> Mapping[str, float | str]:
    if not PROWLER.exists():
        return {"prowler": "NOT RUN: not installed (make bench-peers)"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before = _requests(estate.endpoint_url)
        command = [str(PROWLER), "aws", "--region", *estate.regions, "--service", *SERVICES]
        command += ["--output-formats", "csv", "--output-directory", str(folder), "--no-banner"]
        theirs = measure(command, _environment(estate, folder), folder)
        calls = _requests(estate.endpoint_url) - before
        answered = _answered(folder)
    if not answered:
        return {"prowler": f"NOT RUN: it answered nothing (exit code {theirs.code})"}
    return {
        "prowler.requests": float(calls),
        "prowler.checks_answered": float(answered),
        "prowler.wall_s": theirs.wall,
        "prowler.cpu_s": theirs.cpu,
        "prowler.peak_mib": theirs.peak,
        "calls_per_answer_over_prowler": calls_per_answer / (calls / answered),
        "wall_over_prowler": ours.wall / theirs.wall,
        "cpu_over_prowler": ours.cpu / theirs.cpu,
        "peak_over_prowler": ours.peak / theirs.peak,
    }


def _answered(folder: Path) -> int:
    """Return the number of distinct checks that Prowler's CSV gives a PASS or FAIL for."""
    found: set[str] = set()
    for path in folder.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter=";"):
                if row.get("STATUS") in ("PASS", "FAIL"):
                    found.add(row["CHECK_ID"])
    return len(found)


def _requests(endpoint: str) -> int:
    """Return how many AWS requests the emulator has answered so far."""
    # The endpoint is our own emulator on loopback.
    with urllib.request.urlopen(f"{endpoint}/_affidavit/requests", timeout=10) as answer:  # noqa: S310
        rows: list[list[str | int]] = json.load(answer)
    return sum(int(row[-1]) for row in rows)
