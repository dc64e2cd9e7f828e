"""Judge again: rebuild the records from a report's observations and recompute every verdict.

This is for a full installation, after `verify` held: it uses the product's own catalogue and judge,
so it shows that the verdicts follow from what was observed, not that the checks are right. Needs a
report with whole observations (`--observations cited`) and the catalogue that its runs used. A
custom framework is taken from the report itself (catalogue.json), and must lead to the catalogue
that the runs name: the checks are the installed ones all the same.

Compared is what was judged. The words of a record without a verdict (why it is open, what is
missing) come from the program, not from the catalogue: they are compared only where the run was
made by the version installed here, and a note says where not. The reason's code (`gap`) always is.

Which sources were not due (WEEKLY, MONTHLY) follows from the evidence: each claim is held to the
rule of `collector.due`, and to the last result that the report itself shows.
"""

import json
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any

from affidavit import __version__
from affidavit.checks import records
from affidavit.checks.facts import Facts
from affidavit.checks.places import Place
from affidavit.collector import due
from affidavit.collector.custom import CUSTOM, RULE_ID, with_framework, with_records
from affidavit.collector.due import put_aside
from affidavit.collector.event_sources import of_activity, places_of
from affidavit.collector.evidence import EvidenceMaker
from affidavit.collector.limited import STOPPED, Limited
from affidavit.errors import UsageError
from affidavit.model.catalogue import Catalogue
from affidavit.model.framework import Framework, framework_from_json
from affidavit.model.observation import GapReason
from affidavit.model.run import is_whole
from affidavit.model.times import parse
from affidavit.model.verdict import Standing
from affidavit.report.run_read import assessment_of, facts_of
from affidavit.report.verify import rules
from affidavit.report.verify.failure import VerificationError
from affidavit.report.verify.notes import RULES
from affidavit.report.verify.outcome import Failure, Outcome
from affidavit.report.verify.proved import MAX_LINE
from affidavit.report.verify.zipsafe import Archive

STEP = "rejudge"
REASON = "reason"
OURS = f"affidavit {__version__}"
"""What a run record names as its tool where this version made it."""
_ANSWERED = frozenset({"", GapReason.NOTHING_TO_COLLECT.value})
"""Gaps of sources that were answered all the same."""
_SAME = (
    *("control_id", "source_id", "account_id", "region", "resource_arn", "check_id"),
    *("verdict", "standing", "gap", REASON, "check_digest", "parameters"),
    *("control_set_id", "source_type", "keyword", "evidence_type", "resource_type", "time"),
    *("origin", "synthetic"),
)
"""Members that judging again must give again; inputs and attributes besides."""

_WHOSE = 6
"""How many of them say what a record is about."""
PATIENCE = 3.0
"""How much longer than in a run an owner's rule may take: this machine may be slower."""

Key = tuple[str, ...]


@dataclass(slots=True)
class _Seen:
    """What the runs judged so far showed."""

    days: dict[str, set[date]] = field(default_factory=dict)
    """Days with a run, by assessment."""
    answered: dict[tuple[str, str], date] = field(default_factory=dict)
    """The day on which a source was last answered, by assessment and source."""
    stopped: int = 0
    """Records whose rule was too costly for whoever collected them."""
    others: set[str] = field(default_factory=set)
    """Versions of the program, other than this one, that runs were made by."""


def rejudge(path: Path, outcome: Outcome, catalogue: Catalogue) -> None:
    """Judge a verified report again; add a step, or the first difference, to `outcome`."""
    if outcome.facts["chosen"]:
        what = "holds chosen evidence only: a run can be judged again only from all of its answers"
        outcome.failure = Failure(STEP, path.name, what)
        return
    seen = _Seen()
    try:
        with Archive(path) as archive:
            count = _judge_runs(archive, _catalogues(archive, catalogue), seen)
    except VerificationError as error:
        outcome.failure = Failure(STEP, error.where, error.what)
        return
    outcome.steps.append((STEP, f"{count} records judged again, all the same"))
    outcome.notes = [note for note in outcome.notes if note != RULES]
    if seen.stopped:
        outcome.notes.insert(
            0,
            f"{seen.stopped} records say that a rule of the owner's own was too costly when it was "
            "collected: they were not judged again, and decide nothing.",
        )
    if seen.others:
        outcome.notes.insert(
            0,
            f"How records without a verdict are worded: {', '.join(sorted(seen.others))} made runs "
            f"of this report, and {OURS} judged again. The codes of their reasons were compared.",
        )


def _judge_runs(archive: Archive, catalogues: Mapping[str, Catalogue], seen: _Seen) -> int:
    """Judge every run that has answers in the report, also one that says it has no evidence."""
    runs = {line["record"]["run_id"]: line["record"] for line in _lines(archive, "runs.jsonl")}
    evidence = _by_run(archive)
    following = next(evidence, None)
    count = 0
    for line in _lines(archive, "answers.jsonl"):
        run = runs[line["run_id"]]
        batch: list[tuple[int, dict[str, Any]]] = []
        if following is not None and following[0] == line["run_id"]:
            batch, following = following[1], next(evidence, None)
        try:
            count += _judge_run(archive, catalogues, run, line["answers"], batch, seen)
        except VerificationError as error:
            raise _of_version(error, run) from error
    if following is not None:
        raise VerificationError("evidence.jsonl", f"has records of the run {following[0]}")
    return count


def _of_version(error: VerificationError, run: Mapping[str, Any]) -> VerificationError:
    """Return a difference with the versions where they are not the same: it may be theirs."""
    if run["tool"] == OURS:
        return error
    words = f"{error.what} (the run was made by {run['tool']}, this is {OURS})"
    return VerificationError(error.where, words)


def _by_run(archive: Archive) -> Iterator[tuple[str, list[tuple[int, dict[str, Any]]]]]:
    """Yield each run's id and its evidence, in the order of the leaves."""
    lines = _lines(archive, "evidence.jsonl")
    for run_id, group in groupby(lines, key=lambda line: str(line["record"]["run_id"])):
        yield run_id, [(line["leaf"], line["record"]) for line in group]


def _catalogues(archive: Archive, installed: Catalogue) -> Mapping[str, Catalogue]:
    """Return what runs may have been judged by, by digest.

    The installed catalogue, and it with each custom framework that the report holds in place of its
    own. A framework that calls itself a shipped one is the installed one, or another version.
    """
    known = {installed.digest: installed}
    for name in archive.entries:
        if name != rules.NAME and not name.startswith(rules.FOLDER):
            continue
        data = archive.read(name, rules.MAX_CATALOGUE)
        if sha256(data).hexdigest() in known:
            continue
        try:
            framework = framework_from_json(json.loads(data)["framework"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise VerificationError(
                name, f"holds no framework that can be read: {error}"
            ) from error
        if framework.version != CUSTOM:
            continue
        _require_shipped(name, framework, installed)
        _require_read(name, framework, installed)
        own = with_framework(installed, framework)
        known[own.digest] = own
    return known


def _require_shipped(name: str, framework: Framework, installed: Catalogue) -> None:
    """Raise `VerificationError` where a shipped control has lost or changed what it asks for."""
    shipped = {control.id: control for control in installed.framework.controls()}
    for control in framework.controls():
        known = shipped.get(control.id, control)
        if (known.sources, known.manual_evidence) != (control.sources, control.manual_evidence):
            raise VerificationError(
                name, f"has other sources of {control.id} than the version installed here"
            )


def _require_read(name: str, framework: Framework, installed: Catalogue) -> None:
    """Raise `VerificationError` where an owner's rule says that it reads what it does not."""
    sources = (one for control in framework.controls() for one in control.sources)
    with Limited(patience=PATIENCE) as limited:
        for source in sources:
            if source.rule is None:
                continue
            if not source.check.startswith(RULE_ID):
                raise VerificationError(name, f"has a rule under the name {source.check}")
            try:
                params = json.dumps(dict(source.rule.params))
                known = with_records(installed, source.rule.resource_set)
                read = limited.read(known, source.rule, params)
            except UsageError as error:
                raise VerificationError(name, f"{source.check}: {error.what}") from error
            if read != source.rule:
                raise VerificationError(name, f"{source.check} reads otherwise than it says")


def _lines(archive: Archive, name: str) -> Iterator[dict[str, Any]]:
    return (json.loads(line) for _, line in archive.lines(name, MAX_LINE))


def _judge_run(
    archive: Archive,
    catalogues: Mapping[str, Catalogue],
    run: Mapping[str, Any],
    answers: list[str],
    evidence: list[tuple[int, dict[str, Any]]],
    seen: _Seen,
) -> int:
    catalogue = catalogues.get(run["catalogue_digest"])
    if catalogue is None:
        raise VerificationError(
            f"runs.jsonl, run {run['sequence']}",
            "was judged by another version of the catalogue than the one installed here",
        )
    if run["tool"] != OURS:
        seen.others.add(str(run["tool"]))
    if is_whole(run):
        collected = put_aside(catalogue, _not_due(catalogue, run, evidence, seen))
    else:
        collected = of_activity(catalogue)
    facts = facts_of(archive, run, answers)
    with Limited(patience=PATIENCE, stopped=_wholly_stopped(evidence)) as limited:
        found = Counter(_key(one, run) for one in _again(collected, run, facts, limited))
    left_out = _put_stopped_aside(evidence, found, run)
    seen.stopped += len(left_out)
    for leaf, record in evidence:
        if leaf in left_out:
            continue
        key = _key(record, run)
        if not found[key]:
            raise VerificationError(f"evidence.jsonl, leaf {leaf}", _difference(key, record, found))
        found[key] -= 1
    left = next((key for key, number in found.items() if number > 0), None)
    if left is not None:
        raise VerificationError(
            f"runs.jsonl, run {run['sequence']}", f"judging again also gives {' '.join(left[:10])}"
        )
    return len(evidence)


def _wholly_stopped(evidence: list[tuple[int, dict[str, Any]]]) -> set[str]:
    """Return the rules that decided nothing in the run: they need not be evaluated again."""
    other = {one["check_id"] for _, one in evidence if not _was_stopped(one)}
    return {one["check_id"] for _, one in evidence if _was_stopped(one)} - other


def _put_stopped_aside(
    evidence: list[tuple[int, dict[str, Any]]], found: Counter[Key], run: Mapping[str, Any]
) -> set[int]:
    """Take out what judging again gives where the run's rule was too costly; return those leaves.

    How much time a machine takes is no fact of the report. Such a record decides nothing.
    """
    stopped = {leaf: _key(one, run) for leaf, one in evidence if _was_stopped(one)}
    about: dict[Key, deque[Key]] = {said[:_WHOSE]: deque() for said in stopped.values()}
    for key in found.elements() if stopped else ():
        if key[:_WHOSE] in about:
            about[key[:_WHOSE]].append(key)
    for said in stopped.values():
        same = about[said[:_WHOSE]]
        found[same.popleft() if same else said] -= 1
    return set(stopped)


def _was_stopped(record: Mapping[str, Any]) -> bool:
    ruled = str(record["check_id"]).startswith(RULE_ID)
    return ruled and (record[REASON], record["standing"]) == (STOPPED, Standing.UNDECIDED.value)


def _not_due(
    catalogue: Catalogue,
    run: Mapping[str, Any],
    evidence: list[tuple[int, dict[str, Any]]],
    seen: _Seen,
) -> dict[str, str]:
    """Return the sources that a run put aside, each with why; `VerificationError` for a lie."""
    sources = {source.id: source for source in due.seldom(catalogue)}
    assessment, day = run["assessment_id"], date.fromisoformat(run["day"])
    aside: dict[str, str] = {}
    answered: dict[str, bool] = {}
    for leaf, record in evidence:
        source = sources.get(record["source_id"])
        if source is None:
            continue
        last = due.last_day(record[REASON]) if not record["inputs"] and record["gap"] else None
        if last is None:
            known = answered.get(source.id, True)
            answered[source.id] = known and record["gap"] in _ANSWERED
            continue
        words = due.words(source, last, day)
        shown = seen.answered.get((assessment, source.id))
        if not words or (shown != last and last in seen.days.get(assessment, ())):
            raise VerificationError(
                f"evidence.jsonl, leaf {leaf}",
                f"says that {record['keyword']} was last answered on {last} and not due on {day}; "
                f"the report shows {shown or 'no such result'}, and it is asked {source.frequency}",
            )
        aside[source.id] = words
    seen.days.setdefault(assessment, set()).add(day)
    whole = (one for one, all_answered in answered.items() if all_answered and one not in aside)
    seen.answered |= {(assessment, one): day for one in whole}
    return aside


def _again(
    catalogue: Catalogue, run: Mapping[str, Any], facts: Mapping[str, Facts], limited: Limited
) -> Iterator[Mapping[str, Any]]:
    now, assessment = parse(run["started_at"]), assessment_of(run)
    maker = EvidenceMaker(
        catalogue=catalogue,
        assessment=assessment,
        run_id=run["run_id"],
        now=now,
        only_new=not is_whole(run),
        limited=limited,
    )
    for account in facts.values():
        build = places_of if maker.only_new else _places
        places = build(catalogue, account, now, assessment.parameters)
        for item in maker.account(account, places):
            yield item.to_json()
    for item in maker.unreached():
        yield item.to_json()
    account_id, region = assessment.tenant.split("/")
    states = {name: said["manual"] for name, said in run["controls"].items()}
    for item in maker.manual(account_id, region, states):
        yield item.to_json()


def _places(
    catalogue: Catalogue, facts: Facts, now: datetime, params: Mapping[str, Mapping[str, Any]]
) -> tuple[Place, ...]:
    return records.build(catalogue, facts, now, params).places


def _key(record: Mapping[str, Any], run: Mapping[str, Any]) -> Key:
    """Return what must be the same of a record, by the version that made its run."""
    attributes = json.dumps(record["attributes"], sort_keys=True)
    worded = run["tool"] == OURS or record["standing"] == Standing.JUDGED.value
    said = (str(record[name]) if worded or name != REASON else "" for name in _SAME)
    return (*said, json.dumps(record["inputs"]), attributes)


def _difference(said: Key, record: Mapping[str, Any], found: Counter[Key]) -> str:
    same = [key for key, n in found.items() if n > 0 and key[:_WHOSE] == said[:_WHOSE]]
    now = _told(said, same[0]) if same else "no such record"
    return (
        f"says {record['verdict']} {record['standing']} ({record['check_id']}) for "
        f"{record['resource_arn'] or 'the account'}: {record[REASON]}; judging again gives {now}"
    )


def _told(said: Key, again: Key) -> str:
    """Return what judging again gives, and the first other member where the words are the same."""
    names = (*_SAME, "inputs", "attributes")
    differing = [at for at, name in enumerate(names) if said[at] != again[at]]
    words = f"{again[6]} {again[7]}: {again[9]}"
    if any(at in (6, 7, 9) for at in differing):
        return words
    at = differing[0]
    return f"the same but for {names[at]}: {again[at]} instead of {said[at]}"
