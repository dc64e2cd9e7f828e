"""The process in which a rule is tried: `python -m affidavit.operations.rule_worker`.

It is given a rule and one tenant's answers on its standard input, has no key and opens no store.
Memory, CPU time and files are limited before the rule is read: an expression can exhaust this
process, crash it or make it hang, and the server kills it and goes on.
"""

import json
import pickle
import resource
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import IO, Any, Final

from affidavit.checks.facts import Facts
from affidavit.checks.judge import Judgement
from affidavit.checks.trial import Rule, check_of, judged
from affidavit.errors import UsageError
from affidavit.model.catalogue import Catalogue
from affidavit.model.observation import Result
from affidavit.model.verdict import Standing, Verdict

MEMORY: Final = 1 << 30
"""Bytes of address space."""
LOADING, JUDGING = 20, 5
"""Seconds of CPU for taking the records in, and then for the rule."""
ROWS: Final = 100
"""Records of a kind that are shown."""
TEXT: Final = 600
"""Characters of a reason."""
READY: Final = "ready"
OUT_OF_MEMORY: Final = 3
"""Exit code."""
COMPLIANT, FAILS, UNDECIDED, APART = "compliant", "fails", "undecided", "apart"
"""How a record comes out; the last one: the rule does not apply to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What the process is given first; then the results, and None."""

    rule: Rule
    """Without its parameters."""
    parameters: str
    """JSON."""
    catalogue: Catalogue
    accounts: dict[str, tuple[str, ...]]
    """Account -> its Regions."""
    now: datetime
    params: dict[str, dict[str, Any]] = field(default_factory=dict)


def main() -> int:
    """Try the rule; write a line when the records are there, and one with what came out."""
    _limit(resource.RLIMIT_AS, MEMORY)
    _limit(resource.RLIMIT_CPU, LOADING)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    try:
        return _run(sys.stdin.buffer, sys.stdout)
    except MemoryError:
        return OUT_OF_MEMORY


def _limit(what: int, most: int) -> None:
    """Lower a limit of the process for good; one that is lower already stays."""
    hard = resource.getrlimit(what)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, hard if what == resource.RLIMIT_CPU else most))


def _run(given: IO[bytes], out: IO[str]) -> int:
    job: Job = pickle.load(given)  # noqa: S301 - of the server, which started this process
    try:
        rule = replace(job.rule, params=_parameters(job.parameters))
        check = check_of(job.catalogue, rule)
    except UsageError as error:
        _say(out, {"wrong": [error.what, error.why, error.todo]})
        return 0
    except RecursionError:
        _say(out, {"wrong": ["The rule is nested too deep", "", ""]})
        return 0
    facts = {name: Facts(name, regions) for name, regions in job.accounts.items()}
    for result in _results(given):
        if result.unit.account_id in facts:
            facts[result.unit.account_id].add(result)
    _say(out, READY)
    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + JUDGING)
    found = judged(job.catalogue, check, facts.values(), job.now, job.params)
    _say(out, _summary(found))
    return 0


def _parameters(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError as error:
        raise UsageError("The parameters are no JSON", why=f"{error}") from error
    if not isinstance(found, dict):
        raise UsageError("The parameters are no JSON object", todo='Write {"days": 30}.')
    return found


def _results(given: IO[bytes]) -> Iterator[Result]:
    while True:
        result: Result | None = pickle.load(given)  # noqa: S301 - as above
        if result is None:
            return
        yield result


def _summary(found: Iterator[tuple[str, Judgement]]) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    rows: dict[str, list[dict[str, str]]] = {FAILS: [], UNDECIDED: []}
    synthetic = False
    for account, one in found:
        how = _how(one)
        counts[how] += 1
        synthetic = synthetic or one.synthetic
        if how in rows and len(rows[how]) < ROWS:
            rows[how].append(
                {
                    "account": account,
                    "region": one.region,
                    "arn": one.arn[:TEXT],
                    "reason": one.reason[:TEXT],
                }
            )
    return {"counts": dict(counts), "rows": rows, "synthetic": synthetic}


def _how(one: Judgement) -> str:
    if one.verdict is Verdict.COMPLIANT:
        return COMPLIANT
    if one.verdict is Verdict.NON_COMPLIANT:
        return FAILS
    return APART if one.standing is Standing.OUT_OF_SCOPE else UNDECIDED


def _say(out: IO[str], what: Any) -> None:
    out.write(json.dumps(what) + "\n")
    out.flush()


if __name__ == "__main__":
    sys.exit(main())
