"""Evidence records: sound in themselves, in their run's place, and adding up to what the run says.

The verdict of a control is recomputed from its records by the catalogue's rule, stated here once
more on its own: NON_COMPLIANT if any record is; else inconclusive if a record that a check gave has
a gap other than nothing to collect, or is undecided; else COMPLIANT if any record is; else
inconclusive.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from .failure import VerificationError
from .proved import Proved
from .rules import Rules
from .runs import VERDICTS, Run, read_time
from .shapes import EVIDENCE, check_shape
from .uniques import Uniques

NAME = "evidence.jsonl"
EVENTS = "AWS_Cloudtrail"
"""Type of the sources that name events."""
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


def check_record(proved: Proved, run: Run) -> None:
    """Check what one record says of itself against what can be true, and against its run."""
    where, record = proved.where, proved.record
    if record.get("kind") != "evidence":
        raise VerificationError(where, f"is a {record.get('kind')!r} record, not evidence")
    _check_shapes(where, record)
    if record["assessment_id"] != run.assessment or record["run_id"] != run.record["run_id"]:
        raise VerificationError(where, f"is of another run than {run.where} says")
    if record["control_id"] not in run.controls:
        raise VerificationError(where, f"its control {record['control_id']} is not in the run")
    _check_verdict(where, record)
    time = read_time(record["time"], where)
    if time > run.finished:
        raise VerificationError(
            where, f"is of {record['time']}, after its run ended ({run.record['finished_at']})"
        )
    if time < run.started:
        raise VerificationError(
            where, f"is of {record['time']}, before its run began ({run.record['started_at']})"
        )
    if not run.whole and (record["standing"] != "activity" or record["source_type"] != EVENTS):
        raise VerificationError(where, "is no activity, but its run says that it is of no more")
    if record["synthetic"] and not run.record["synthetic"]:
        raise VerificationError(where, "is synthetic, but its run does not say so")


def _check_shapes(where: str, record: Mapping[str, Any]) -> None:
    check_shape(record, EVIDENCE, where, "an evidence record")
    inputs, attributes = record["inputs"], record["attributes"]
    if not all(_is_input(i) for i in inputs):
        raise VerificationError(where, "its inputs are not pairs of digest and pointer")
    if not all(isinstance(v, str) for v in attributes.values()):
        raise VerificationError(where, "its attributes are not texts")


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
    synthetic: bool = False
    manual: set[str] = field(default_factory=set)
    """Gaps of the records on what a person added: empty where it is there."""

    def add(self, record: Mapping[str, Any]) -> None:
        gap = record["gap"]
        self.synthetic = self.synthetic or record["synthetic"]
        if record["source_type"] == "MANUAL":
            self.manual.add(gap)
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

    def __init__(self, run: Run, rules: Rules, answers: Collection[bytes]) -> None:
        self.run = run
        self.rules = rules
        self.answers = answers
        """Digests of all that the run was judged from."""
        self._controls = {control: _Tally() for control in run.controls}
        self._ids = Uniques()
        self._covered: set[tuple[str, str]] = set()
        """Sources with a check that have a record, and in which account."""
        self._digest = sha256()

    def add(self, proved: Proved) -> None:
        """Count one record; no id may come twice, which is told when the run ends."""
        record = proved.record
        self._ids.add(record["id"])
        self._controls[record["control_id"]].add(record)
        if record["check_id"]:
            self._covered.add((record["source_id"], record["account_id"]))
        self._digest.update(f"{proved.leaf}:{proved.entry}\n".encode())

    @property
    def digest(self) -> str:
        """Return a digest over all leaves and entries counted so far."""
        return self._digest.hexdigest()

    def check_ids(self) -> None:
        """Check that no two of the run's records have the same id."""
        if self._ids.twice():
            raise VerificationError(self.run.where, "has two records of the same id")

    def omitted(self) -> Counter[tuple[str, str]]:
        """Return how many records per (control, verdict) the run counts beyond those seen."""
        missing: Counter[tuple[str, str]] = Counter()
        for control, said in self.run.controls.items():
            for verdict, number in said["records"].items():
                missing[control, verdict] = number - self._controls[control].records[verdict]
        return Counter({key: n for key, n in missing.items() if n})

    def difference(self) -> VerificationError | None:
        """Return the first thing that the run says of itself and its records do not bear out."""
        return self._uncovered() or self._miscounted() or self._missaid(frozenset())

    def difference_of_chosen(self) -> VerificationError | None:
        """Return the same where some records were left out: of the controls that are whole.

        A run cannot have fewer records than were chosen of it.
        """
        left = self.omitted()
        if any(number < 0 for number in left.values()):
            return VerificationError(self.run.where, "has fewer records than the report holds")
        return self._missaid(frozenset(control for control, _ in left))

    def _uncovered(self) -> VerificationError | None:
        """Return the first source with a check of which an account has no record at all."""
        for name, source in self.rules.sources.items() if self.run.whole else ():
            for account in sorted(self.run.accounts) if source.check else ():
                if (name, account) not in self._covered:
                    return VerificationError(
                        f"{self.run.where}, control {source.control}",
                        f"has no record of its check {source.check} in the account {account}",
                    )
        return None

    def _miscounted(self) -> VerificationError | None:
        """Return what is wrong with the run's own sums, if anything is."""
        gaps = sum((tally.gaps for tally in self._controls.values()), Counter[str]())
        said = self.run.record["gaps"]
        if {k: n for k, n in said.items() if n} != dict(gaps):
            return VerificationError(
                self.run.where, f"says gaps {said}, but its records give {dict(gaps)}"
            )
        if self.run.record["synthetic"] != any(t.synthetic for t in self._controls.values()):
            return VerificationError(
                self.run.where, "its synthetic mark is not that of its records"
            )
        return None

    def _missaid(self, left: Collection[str]) -> VerificationError | None:
        for control, said in self.run.controls.items():
            if control in left:
                continue
            tally = self._controls[control]
            if (said["manual"] == "present") != (tally.manual == {""}):
                return VerificationError(
                    f"{self.run.where}, control {control}",
                    f"says that the manual part is {said['manual'] or 'not asked'}; "
                    "its record of it does not",
                )
            for member, value in tally.says().items():
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
