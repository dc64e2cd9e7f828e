"""Collection on the simulated estate: against Prowler on the same endpoint, and ten times larger.

The emulator runs in a process of its own and counts the requests that it answers; it is the slower
half, so wall times say little about AWS, but the same of both. Prowler reads the caller's account
only, so it is compared with a run of ours in that account alone. It has its own checks, not our
controls: compared are the requests for each check that decided something, and for each control that
was answered, by the list of equivalent checks in `bench.equivalents`. It reads configuration alone.
A run of ours also reads a day's log files, one request each, so both are printed: configuration
(without these requests, and without the controls that only they decide), and all of it.
"""

import csv
import json
import os
import sys
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from affidavit import catalogue, demo
from affidavit.model.evidence import Evidence
from affidavit.model.times import utc_now
from affidavit.model.verdict import Standing, Verdict
from affidavit.settings import Settings
from affidavit.store import open_store
from bench.equivalents import EQUIVALENTS, controls_answered
from bench.measure import Measured, measure

PROWLER = Path(__file__).parent.parent / ".venv-peers" / "bin" / "prowler"
SERVICES = ("backup", "bedrock", "cloudtrail", "cloudwatch", "config", "ec2", "iam", "kms", "s3")
"""The services that the framework reads, as Prowler names them."""
GOAL_MIB = 200e6 / 2**20
"""200 MB, as the goal is written."""
LOG_FILES = (
    *("s3:GetObject", "s3:ListObjectsV2", "logs:FilterLogEvents"),
    "cloudtrail:ListPublicKeys",
)
"""What reads a day's invocation log and trail files, and verifies these."""
LOG_OPERATION = "FilterLogEvents"
"""What checks of the invocation log name as their operation, whichever of the two holds it."""
WHY = (
    "each log file takes a request of its own, and one that is not read is text nobody looked at;"
    " Prowler reads none"
)
MOST_ASKED = 12
"""Operations that are printed with their number of requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """What one run of ours cost, and what it answered."""

    cost: Measured
    requests: Counter[str]
    """HTTP requests that the emulator answered, by operation."""
    controls: int
    """Controls with a verdict other than inconclusive."""
    from_logs: int
    """Those of them that would have none without log files."""
    checks: int
    """Checks that decided at least one record."""
    per_naive: float
    """Questions over those that asking for each control alone would have taken."""

    @property
    def configuration(self) -> int:
        """Return the requests that asked for configuration, and not for log files."""
        return self.requests.total() - sum(self.requests[one] for one in LOG_FILES)

    def figures(self, name: str) -> dict[str, float | str]:
        """Return the figures under `name`."""
        most = (f"{key} {number}" for key, number in self.requests.most_common(MOST_ASKED))
        return {
            f"{name}.requests": float(self.requests.total()),
            f"{name}.requests_for_configuration": float(self.configuration),
            f"{name}.requests_by_operation": ", ".join(most),
            f"{name}.controls_answered": float(self.controls),
            f"{name}.controls_answered_from_logs_only": float(self.from_logs),
            f"{name}.checks_answered": float(self.checks),
            f"{name}.questions_per_naive": self.per_naive,
            f"{name}.wall_s": self.cost.wall,
            f"{name}.cpu_s": self.cost.cpu,
            f"{name}.peak_mib": self.cost.peak,
        }


def run() -> Mapping[str, float | str]:
    """Measure ours at 1x and 10x; and ours and Prowler in the one account that Prowler reads."""
    figures: dict[str, float | str] = {}
    with demo.start() as estate:
        ours = _ours(estate, estate.accounts)
        one = _ours(estate, estate.accounts[:1])
        figures |= ours.figures("ours") | one.figures("ours_one_account")
        figures["ours.peak_over_goal"] = ours.cost.peak / GOAL_MIB
        figures |= _prowler(estate, one)
    with demo.start(scale=10) as estate:
        large = _ours(estate, estate.accounts)
    return figures | {
        "ours_10x.requests": float(large.requests.total()),
        "ours_10x.wall_s": large.cost.wall,
        "ours_10x.peak_mib": large.cost.peak,
        "ours_10x.peak_ratio": large.cost.peak / ours.cost.peak,
        "ours_10x.wall_ratio": large.cost.wall / ours.cost.wall,
    }


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


def _ours(estate: demo.Simulated, accounts: tuple[str, ...]) -> Ours:
    """Run once without a report; return cost and what was answered."""
    before = _requests(estate.endpoint_url)
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
        command += [part for account in accounts for part in ("--account", account)]
        cost = measure(command, _environment(estate, folder), folder)
        if cost.code != 0:
            raise SystemExit(f"affidavit run ended with {cost.code}:\n{cost.output}")
        judged = _judged(folder)
    summary = json.loads(cost.output[cost.output.index("{") : cost.output.rindex("}") + 1])
    answered = {
        name for name, told in summary["controls"].items() if told["verdict"] != "NOT_APPLICABLE"
    }
    return Ours(
        cost=cost,
        requests=_requests(estate.endpoint_url) - before,
        controls=len(answered),
        from_logs=len(answered & _need_logs(judged)),
        checks=len({one.check_id for one in judged}),
        per_naive=summary["questions"] / summary["naiveQuestions"],
    )


def _judged(folder: Path) -> list[Evidence]:
    """Return the records that a check decided."""
    settings = Settings(home=folder / "home", keys=folder / "keys")
    with open_store(settings) as store:
        assessment = store.assessments()[0]
        today = utc_now().date()
        evidence = store.evidence(assessment.id, today - timedelta(days=1), today)
        return [e for _, e in evidence if e.standing is Standing.JUDGED]


def _need_logs(judged: Sequence[Evidence]) -> set[str]:
    """Return the controls that only log files decide: without them a check of theirs is open.

    One that is NON_COMPLIANT by its configuration stays so.
    """
    checks = catalogue.load().checks
    read = {one.id for one in checks.values() if LOG_OPERATION in one.operations}
    failed = {
        e.control_id
        for e in judged
        if e.verdict is Verdict.NON_COMPLIANT and e.check_id not in read
    }
    return {e.control_id for e in judged if e.check_id in read} - failed


def _prowler(estate: demo.Simulated, ours: Ours) -> Mapping[str, float | str]:
    """Measure Prowler in the caller's account, beside `ours` in the same one."""
    if not PROWLER.exists():
        return {"prowler": "NOT RUN: not installed (make bench-peers)"}
    before = _requests(estate.endpoint_url)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [str(PROWLER), "aws", "--region", *estate.regions, "--service", *SERVICES]
        command += ["--output-formats", "csv", "--output-directory", str(folder), "--no-banner"]
        theirs = measure(command, _environment(estate, folder), folder)
        decided = _decided(folder)
    if not decided:
        return {"prowler": f"NOT RUN: it answered nothing (exit code {theirs.code})"}
    requests = (_requests(estate.endpoint_url) - before).total()
    controls = len(controls_answered(catalogue.load().framework, decided))
    mine = ours.requests.total()
    return {
        "prowler.requests": float(requests),
        "prowler.checks_answered": float(len(decided)),
        "prowler.checks_of_ours": float(len(set(EQUIVALENTS) & decided)),
        "prowler.controls_answered": float(controls),
        "prowler.wall_s": theirs.wall,
        "prowler.cpu_s": theirs.cpu,
        "prowler.peak_mib": theirs.peak,
        "requests_over_prowler": mine / requests,
        "requests_per_control_over_prowler.configuration": (
            ours.configuration / (ours.controls - ours.from_logs) / (requests / controls)
        ),
        "requests_per_control_over_prowler.with_logs": (mine / ours.controls)
        / (requests / controls),
        "requests_per_control_over_prowler.why": WHY,
        "requests_per_check_over_prowler": (mine / ours.checks) / (requests / len(decided)),
        "wall_over_prowler": ours.cost.wall / theirs.wall,
        "cpu_over_prowler": ours.cost.cpu / theirs.cpu,
        "peak_over_prowler": ours.cost.peak / theirs.peak,
    }


def _decided(folder: Path) -> set[str]:
    """Return the checks that Prowler's CSV gives a PASS or FAIL for."""
    found: set[str] = set()
    for path in folder.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter=";"):
                if row.get("STATUS") in ("PASS", "FAIL"):
                    found.add(row["CHECK_ID"])
    return found


def _requests(endpoint: str) -> Counter[str]:
    """Return how many AWS requests the emulator has answered so far, by operation."""
    # The endpoint is our own emulator on loopback.
    with urllib.request.urlopen(f"{endpoint}/_affidavit/requests", timeout=10) as answer:  # noqa: S310
        rows: list[list[str | int]] = json.load(answer)
    found: Counter[str] = Counter()
    for service, operation, *_, number in rows:
        found[f"{service}:{operation}"] += int(number)
    return found
