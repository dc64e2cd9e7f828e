"""The checks of a report, one after the other, each standing on those before it.

Each step returns in words what was checked, or raises `VerificationError` for the first thing that
is wrong. `STEPS` is the order. What later steps need is kept in `State`.
"""

import re
from collections.abc import Callable

from . import added, answers, csvcheck, deleted, dsse, evidence, manual, matrix, oscal, rules, runs
from .answers import check_answers
from .claims import check_claims, read_scope
from .failure import VerificationError
from .keys import key_in_package, signing_key
from .made import check_made
from .note import check_signature, parse_checkpoint, parse_note
from .observations import FOLDER as OBSERVATIONS
from .observations import read_observations
from .proved import proved_records
from .state import (
    CHECKPOINT,
    CONSISTENCY,
    ENVELOPE,
    MANIFEST,
    MAX_ENVELOPE,
    MAX_MANIFEST,
    MAX_NOTE,
    RECORDS,
    State,
)
from .timestamp import MAX_STAMP, check_stamp
from .timestamp import NAME as STAMP
from .walk import records
from .zipsafe import Archive

NEEDED = frozenset(
    (
        answers.NAME,
        "report.pdf",
        "README.txt",
        "keys.txt",
        CHECKPOINT,
        RECORDS,
        CONSISTENCY,
        rules.NAME,
        matrix.NAME,
        oscal.NAME,
        manual.NAME,
    )
) | {runs.NAME, evidence.NAME, csvcheck.NAME}
FOLDERS = (OBSERVATIONS, rules.FOLDER, added.FOLDER)
"""Whose files the steps behind hold to be exactly those that must be there."""
_NAME = re.compile(rb"(affidavit/[0-9]{12}/[a-z0-9-]{1,64})\n")
OTHER_KINDS = ("change", "parameter", "key", "checkpoint")
"""Kinds of records besides evidence and runs that a ledger may hold."""


def manifest(state: State) -> str:
    """Check the manifest's signature over its bytes; only then read it."""
    archive = state.archive
    envelope = dsse.open_envelope(archive.read(ENVELOPE, MAX_ENVELOPE), ENVELOPE)
    name = _ledger_name(archive)
    key, how = state.given, ""
    if key is None:
        key = key_in_package(archive, name)
    elif not key.fits(name):
        raise VerificationError(ENVELOPE, f"is of {name}; the key given is of {key.name}")
    else:
        key, how = signing_key(archive, key, name, envelope.key_id)
    dsse.check_envelope(envelope, key, name, ENVELOPE)
    if archive.read(MANIFEST, MAX_MANIFEST) != envelope.payload:
        raise VerificationError(MANIFEST, "differs from the signed manifest in the envelope")
    state.key, state.name = key, name
    state.subjects, state.predicate, state.format = dsse.statement(envelope.payload, MANIFEST)
    state.scope = read_scope(state.predicate)
    state.manual = added.Items(state.scope.assessment)
    if name != f"affidavit/{state.scope.tenant}":
        raise VerificationError(
            MANIFEST, f"is of the tenant {state.scope.tenant}; its checkpoint is of {name}"
        )
    return f"signed by {name} {envelope.key_id}" + (f"; {how}" if how else "")


def _ledger_name(archive: Archive) -> str:
    """Return the name that the checkpoint's first line gives, under which keys have their ids."""
    found = _NAME.match(archive.read(CHECKPOINT, MAX_NOTE))
    if found is None:
        raise VerificationError(CHECKPOINT, "does not name an Affidavit ledger")
    return found[1].decode()


def files(state: State) -> str:
    """Check that the ZIP holds exactly the files of the manifest, each with its digest."""
    there = set(state.archive.entries) - {MANIFEST, ENVELOPE}
    _check_names(there, set(state.subjects))
    for name in sorted(there, key=lambda n: state.archive.entries[n].offset):
        if state.archive.sha256(name) != state.subjects[name]:
            raise VerificationError(name, "was changed: its SHA-256 is not the manifest's")
    sealed = state.predicate.get("sealed")
    if not isinstance(sealed, dict) or not isinstance(sealed.get("bytes"), int):
        raise VerificationError(MANIFEST, "does not seal the bytes of the ZIP")
    if sealed["bytes"] != state.archive.entries[MANIFEST].offset:
        raise VerificationError(state.archive.path.name, "other bytes than the sealed ones precede")
    if state.archive.sha256_until(sealed["bytes"]) != sealed.get("sha256"):
        raise VerificationError(state.archive.path.name, "a byte was changed in its packed form")
    return f"{len(there)} files, each as the manifest says; none extra, none missing"


def _check_names(there: set[str], named: set[str]) -> None:
    for name in sorted(there - named):
        raise VerificationError(name, "extra file: the manifest does not name it")
    for name in sorted((named | NEEDED) - there):
        raise VerificationError(name, "missing file: the manifest names it")
    for name in sorted(there - NEEDED - {STAMP}):
        if not name.startswith(FOLDERS):
            raise VerificationError(name, "is no file of a report, though the manifest names it")


def checkpoint(state: State) -> str:
    """Check the checkpoint's signature, and that the manifest speaks of the same tree."""
    assert state.key is not None  # noqa: S101 - set by the first step
    note = parse_note(state.archive.read(CHECKPOINT, MAX_NOTE), CHECKPOINT)
    check_signature(note, state.key, state.name, CHECKPOINT)
    found = parse_checkpoint(note, CHECKPOINT)
    if found.origin != state.name:
        raise VerificationError(CHECKPOINT, f"is of another ledger, {found.origin}")
    said = state.predicate.get("tree")
    if said != {"size": found.size, "root": found.root.hex()}:
        raise VerificationError(CHECKPOINT, f"is of another tree than the manifest says ({said})")
    state.checkpoint = found
    return f"signed; a tree of {found.size} leaves, root {found.root.hex()[:16]}…"


def run_records(state: State) -> str:
    """Check the run records: proved, numbered without holes, linked; every leaf accounted for."""
    for proved in proved_records(state.archive, runs.NAME, state.checkpoint):
        scoped = state.format != dsse.WITHOUT_SCOPE
        run = runs.read_run(proved, state.scope.tenant, scoped=scoped)
        state.runs.append(run if state.scope.covers(run) else run.slim())
    runs.check_links(state.runs)
    begin = runs.check_beginning(state.runs, state.scope)
    others = []
    deletions = []
    for proved in proved_records(state.archive, RECORDS, state.checkpoint):
        if proved.record.get("kind") not in OTHER_KINDS:
            raise VerificationError(
                proved.where, f"a {proved.record.get('kind')!r} record has no place there"
            )
        if state.chosen and proved.leaf == state.predicate["choice"]["leaf"]:
            state.chosen_at = proved.record
        deletion = deleted.deletion_in(proved.leaf, proved.record, proved.where)
        state.manual.add(proved.leaf, proved.record, proved.where)
        deletions += [deletion] if deletion is not None else []
        others.append(proved.leaf)
    runs.check_cover(state.runs, others, begin, state.checkpoint.size)
    state.begin = begin
    for run in state.inside:
        gone = deleted.of_run(run.record, run.leaf, deletions)
        if gone is not None:
            state.deleted[run.leaf] = gone
    shown = {run.leaf for run in state.runs} | set(others)
    state.unseen_before = begin - sum(leaf < begin for leaf in shown)
    behind = [run for run in state.runs if run.leaf >= begin and not state.scope.covers(run)]
    state.unseen_others = sum(run.leaf - max(run.first_leaf, begin) for run in behind)
    first, last = state.inside[0], state.inside[-1]
    numbers = (
        f"run {first.sequence}" if first is last else f"runs {first.sequence} to {last.sequence}"
    )
    told = f"; the evidence of {len(state.deleted)} was deleted" if state.deleted else ""
    leaves = f"leaves {begin} to {state.checkpoint.size - 1} accounted for"
    return f"{numbers}, none missing; {leaves}{told}"


def observations(state: State) -> str:
    """Check every observation in the package against its digest, and its body against its own."""
    mode = state.predicate["observations"]
    state.observations = found = read_observations(
        state.archive, mode, lists=state.format != dsse.WITHOUT_SCOPE
    )
    answered = check_answers(state.archive, state.kept, found, whole=not state.chosen)
    if mode == "none":
        state.notes.append(
            "What AWS answered, and when: the report was made without observations; only their "
            "digests stand in the records."
        )
        return "none included, by choice"
    if mode == "pointers":
        state.notes.append(
            "The whole answers: only the parts that records point to are included, and without "
            "the rest their digests cannot be recomputed."
        )
    whole = (
        f"{len(found.answers)} as their digests say ({found.bodies} bodies, {found.gaps} gaps), "
        "each of its run's time"
    )
    if mode != "cited":
        return whole
    if state.chosen:
        return f"{whole}; of the runs' {answered} answers those that the records cite"
    return f"{whole}; all {answered} answers of the runs"


def totals(state: State) -> str:
    """Check what the manifest says, member by member, against the records."""
    marked = any(run.record["synthetic"] for run in state.inside)
    state.synthetic = state.synthetic or marked or state.observations.synthetic
    check_claims(state)
    judged = sum(len(run.controls) for run in state.kept)
    made = f"the manifest says what the records say; {check_made(state)}"
    if state.chosen:
        return f"verdicts of controls recomputed where all their records are here; {made}"
    return f"{judged} verdicts of controls recomputed; {made}"


def time_stamp(state: State) -> str:
    """Check the outside time stamp, where there is one."""
    if STAMP not in state.archive.entries:
        state.notes.append(
            "When it happened: there is no outside time stamp, all times are the operator's clock."
        )
        return "none"
    stamped = state.archive.read(CHECKPOINT, MAX_NOTE)
    stamp = check_stamp(state.archive.read(STAMP, MAX_STAMP), stamped)
    last = max(state.runs, key=lambda run: run.finished)
    if last.finished > stamp.time:
        raise VerificationError(
            last.where,
            f"says that it ended at {last.record['finished_at']}, after the checkpoint that holds "
            f"it was stamped ({stamp.time.isoformat()}): one of the two is backdated",
        )
    named = f"it names {stamp.issuer}" if stamp.issuer else "it holds no certificate"
    state.notes.append(f"Who stamped the time: {named}; its issuer is not checked.")
    return f"{stamp.time.isoformat()}, of this checkpoint; issuer not checked"


STEPS: tuple[tuple[str, Callable[[State], str]], ...] = (
    ("manifest", manifest),
    ("files", files),
    ("checkpoint", checkpoint),
    ("runs", run_records),
    ("observations", observations),
    ("evidence", records),
    ("manual evidence", manual.check_manual),
    ("totals", totals),
    ("time stamp", time_stamp),
)
"""Name and function of each check, in order; the ZIP's structure was checked when it was opened."""
