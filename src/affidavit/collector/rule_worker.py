"""The process in which owners' rules are read and evaluated (`collector.limited` starts it).

What it is given first on its standard input says what for: a `Job` tries a rule over one tenant's
answers, a `Reading` finds out what a rule reads, and an `Over` begins a day's evaluations. It has
no key and opens no store. Memory, CPU time and files are limited before a rule is read: an
expression can exhaust this process, crash it or make it hang; it is killed, and the server goes on.
"""

import json
import pickle
import resource
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import IO, Any, Final

from affidavit.checks.facts import Facts
from affidavit.checks.judge import Judgement
from affidavit.checks.own_rules import ID, check_of, derived, judged, parameters_of
from affidavit.checks.rules import EVALUATION_ERRORS, Rules
from affidavit.errors import UsageError
from affidavit.model.canonical import json_values
from affidavit.model.catalogue import Catalogue
from affidavit.model.framework import Rule, rule_from_json
from affidavit.model.verdict import Standing, Verdict

MEMORY: Final = 1 << 30
"""Bytes of address space."""
LOADING, JUDGING, EVALUATING = 20, 5, 2
"""Seconds of CPU for taking the records in, then for a trial, and for one evaluation of a day's."""
ROWS: Final = 100
"""Records of a kind that are shown."""
TEXT: Final = 600
"""Characters of a reason."""
UP, READY = "up", "ready"
"""Said when the process is there, and when it has the records of a trial."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A rule to be read: what it reads is answered."""

    rule: Rule
    """Without its parameters."""
    parameters: str
    """JSON."""
    catalogue: Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """What the following evaluations are over."""

    acct: dict[str, Any]
    params: dict[str, Any]
    now: datetime
    cpu: int
    """Seconds of CPU for each evaluation."""


Ask = tuple[str, bool, dict[str, Any] | None]
"""An expression, whether the record is another than the one before, and the record."""


def main() -> int:
    """Do what is asked, and answer each thing with a line of JSON."""
    _limit(resource.RLIMIT_AS, MEMORY)
    _limit(resource.RLIMIT_CPU, LOADING)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    try:
        _say(sys.stdout, UP)
        return _run(sys.stdin.buffer, sys.stdout)
    except MemoryError:
        return OUT_OF_MEMORY


def _limit(what: int, most: int) -> None:
    """Lower a limit of the process for good; one that is lower already stays."""
    hard = resource.getrlimit(what)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, hard if what == resource.RLIMIT_CPU else most))


def _run(given: IO[bytes], out: IO[str]) -> int:
    rules, record, cpu = Rules({}, {}, datetime.min.replace(tzinfo=UTC)), None, LOADING
    while True:
        try:
            asked: Job | Reading | Over | Ask = _next(given)
        except EOFError:
            return 0
        _more_cpu(cpu)
        match asked:
            case Over():
                rules, record, cpu = Rules(asked.acct, asked.params, asked.now), None, asked.cpu
            case Job():
                return _try(given, out, asked)
            case Reading():
                _say(out, _read(asked))
            case (text, other, values):
                record = values if other else record
                _say(out, _said(rules, text, record))


def _read(job: Job | Reading) -> dict[str, Any]:
    """Return the rule with what it reads, or what is wrong with it."""
    try:
        rule = derived(job.catalogue, replace(job.rule, params=parameters_of(job.parameters)))
    except UsageError as error:
        return {"wrong": [error.what, error.why, error.todo]}
    except RecursionError:
        return {"wrong": ["The rule is nested too deep", "", ""]}
    return {"rule": json_values(rule)}


def _try(given: IO[bytes], out: IO[str], job: Job) -> int:
    read = _read(job)
    if "wrong" in read:
        _say(out, read)
        return 0
    check = check_of(rule_from_json(read["rule"]), ID)
    facts = {name: Facts(name, regions) for name, regions in job.accounts.items()}
    while (result := _next(given)) is not None:
        if result.unit.account_id in facts:
            facts[result.unit.account_id].add(result)
    _say(out, READY)
    _more_cpu(JUDGING)
    found = judged(job.catalogue, check, facts.values(), job.now, job.params)
    _say(out, _summary(found))
    return 0


def _said(rules: Rules, text: str, record: dict[str, Any] | None) -> bool | tuple[bool, str]:
    """Return whether an expression holds, or whether a name is lacking and what is wrong."""
    try:
        return rules.holds(text, record)
    except EVALUATION_ERRORS as error:
        lacks = isinstance(error, KeyError)
        return lacks, str(error.args[0] if lacks else error)[:TEXT]


def _next(given: IO[bytes]) -> Any:
    return pickle.load(given)  # noqa: S301 - of the server, which started this process


def _more_cpu(seconds: int) -> None:
    """Let the process use so many seconds of CPU from now on."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + seconds)


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
