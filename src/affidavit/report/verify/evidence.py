"""Evidence records: sound in themselves, in their run's place, and adding up to what the run says.

The verdict of a control is recomputed from its records by the catalogue's rule, stated here once
more on its own: NON_COMPLIANT if any record is; else inconclusive if a record that a check gave has
a gap other than nothing to collect, or is undecided; else COMPLIANT if any record is; else
inconclusive.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .failure import VerificationError
from .proved import Proved
from .runs import VERDICTS, Run, read_time

NAME = "evidence.jsonl"
STANDINGS = ("judged", "out_of_scope", "undecided", "activity")
GAPS = (
    "denied",
    "throttled",
    "timed_out",
    "not_enabled",
    "unsupported_in_region",
    "unreachable",
    "malformed",
    "nothing_to_collect",
    "not_configured",
    "parent_gap",
    "failed",
)
TEXTS = frozenset(
    (
        *("id", "assessment_id", "run_id", "control_set_id", "control_id", "source_id"),
        *("source_type", "keyword", "evidence_type", "time", "account_id", "region"),
        *("resource_arn", "resource_type", "verdict", "standing", "reason", "gap"),
        *("check_id", "check_digest", "parameters", "origin", "salt"),
    )
)
MEMBERS = TEXTS | {"kind", "inputs", "attributes", "synthetic"}


def check_record(proved: Proved, run: Run) -> None:
    """Check what one record says of itself against what can be true, and against its run."""
    where, record = proved.where, proved.record
    if record.get("kind") != "evidence" or set(record) != MEMBERS:
        raise VerificationError(where, "is not an evidence record with exactly its members")
    _check_shapes(where, record)
    if record["assessment_id"] != run.assessment or record["run_id"] != run.record["run_id"]:
        raise VerificationError(where, f"is of another run than {run.where} says")
    if record["control_id"] not in run.controls:
        raise VerificationError(where, f"its control {record['control_id']} is not in the run")
    _check_verdict(where, record)
    if read_time(record["time"], where) > run.finished:
        raise VerificationError(
            where, f"is of {record['time']}, after its run ended ({run.record['finished_at']})"
        )
    if record["synthetic"] and not run.record["synthetic"]:
        raise VerificationError(where, "is synthetic, but its run does not say so")


def _check_shapes(where: str, record: Mapping[str, Any]) -> None:
    wrong = [name for name in sorted(TEXTS) if not isinstance(record[name], str)]
    inputs, attributes = record["inputs"], record["attributes"]
    if not isinstance(inputs, list) or not all(_is_input(i) for i in inputs):
        wrong.append("inputs")
    if not isinstance(attributes, dict) or not all(isinstance(v, str) for v in attributes.values()):
        wrong.append("attributes")
    if not isinstance(record["synthetic"], bool):
        wrong.append("synthetic")
    if wrong:
        raise VerificationError(where, f"its {wrong[0]} has not the form of an evidence record's")


def _is_input(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(v, str) for v in value)  # noqa: PLR2004 - digest, pointer


def _check_verdict(where: str, record: Mapping[str, Any]) -> None:
    verdict, standing, gap = record["verdict"], record["standing"], record["gap"]
    if verdict not in VERDICTS or standing not in STANDINGS or gap not in ("", *GAPS):
        raise VerificationError(where, f"has an unknown verdict: {verdict} {standing} {gap}")
    decided = verdict != "NOT_APPLICABLE"
    if decided and gap:
        raise VerificationError(where, f"is {verdict} in spite of a gap ({gap})")
    if decided != (standing == "judged"):
        raise VerificationError(where, f"is {verdict}, but stands as {standing}")
    if decided and not record["check_id"]:
        raise VerificationError(where, f"is {verdict}, but no check decided it")
    if decided and not record["inputs"]:
        raise VerificationError(where, f"is {verdict}, but names nothing that it was read from")


@dataclass(slots=True)
class _Tally:
    records: Counter[str] = field(default_factory=Counter)
    gaps: Counter[str] = field(default_factory=Counter)
    judged: int = 0
    undecided: int = 0
    accounts: set[str] = field(default_factory=set)
    regions: set[str] = field(default_factory=set)

    def add(self, record: Mapping[str, Any]) -> None:
        gap = record["gap"]
        self.records[record["verdict"]] += 1
        self.gaps[gap] += bool(gap)
        if not record["check_id"]:
            return
        if gap not in ("", "nothing_to_collect") or record["standing"] == "undecided":
            self.undecided += 1
        elif record["verdict"] != "NOT_APPLICABLE":
            self.judged += 1
            self.accounts.add(record["account_id"])
            self.regions.add(record["region"])

    def verdict(self) -> str:
        if self.records["NON_COMPLIANT"]:
            return "NON_COMPLIANT"
        if self.undecided or not self.records["COMPLIANT"]:
            return "NOT_APPLICABLE"
        return "COMPLIANT"

    def says(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict(),
            "records": {v: self.records[v] for v in VERDICTS},
            "judged": self.judged,
            "expected": self.judged + self.undecided,
            "accounts": len(self.accounts),
            "regions": len(self.regions),
            "gaps": {k: n for k, n in self.gaps.items() if n},
        }


class RunTally:
    """Counts the records of one run as they pass and compares with the run record at its end."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._controls = {control: _Tally() for control in run.controls}

    def add(self, record: Mapping[str, Any]) -> None:
        """Count one record."""
        self._controls[record["control_id"]].add(record)

    def omitted(self) -> Counter[tuple[str, str]]:
        """Return how many records per (control, verdict) the run counts beyond those seen."""
        missing: Counter[tuple[str, str]] = Counter()
        for control, said in self.run.controls.items():
            for verdict, number in said["records"].items():
                missing[control, verdict] = number - self._controls[control].records[verdict]
        return Counter({key: n for key, n in missing.items() if n})

    def difference(self) -> VerificationError | None:
        """Return the first thing that the run says of a control and its records do not bear out."""
        for control, said in self.run.controls.items():
            for member, value in self._controls[control].says().items():
                told = said.get(member)
                if member in ("records", "gaps"):
                    told = {k: n for k, n in dict(told or {}).items() if n}
                    value = {k: n for k, n in value.items() if n}  # noqa: PLW2901 - without zeros
                if told != value:
                    return VerificationError(
                        f"{self.run.where}, control {control}",
                        f"says {member} {told}, but its records give {value}",
                    )
        return None
