"""Reports: build one from the store, verify one from anywhere."""

import secrets
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import chain, count
from pathlib import Path

from affidavit import catalogue as catalogues
from affidavit.errors import ReportError, UsageError
from affidavit.finder.parse import parse as parse_query
from affidavit.ledger.keys import PublicKey
from affidavit.model.canonical import plain_json
from affidavit.model.identifiers import new_id
from affidavit.model.run import Assessment
from affidavit.model.times import iso, parse, utc_now
from affidavit.operations import report_choices
from affidavit.operations.assessment_bodies import KIND
from affidavit.operations.collectable import assessment_catalogue
from affidavit.operations.manual_items import KIND as MANUAL
from affidavit.operations.renamed import renamed
from affidavit.report import Built, Request, build
from affidavit.report.choice import Choice
from affidavit.report.rejudge import rejudge
from affidavit.report.verify.added import is_told
from affidavit.report.verify.deleted import deletion_in
from affidavit.report.verify.exports import is_export, verify_export
from affidavit.report.verify.note import KeyProblemError, read_key
from affidavit.report.verify.outcome import Outcome, verify
from affidavit.settings import Settings
from affidavit.store import Store, open_store


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltReport:
    """A report in its place, and the public key that verifies it."""

    path: Path
    key: Path
    """PEM file of the public key."""
    key_id: str
    """Fingerprint of that key, hexadecimal."""
    built: Built


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRequest:
    """Which report is wanted, and where."""

    assessment: str
    """Id, the end or beginning of an id, or the name."""
    out: Path
    """A folder, or the path of a .zip file."""
    first_day: date | None = None
    last_day: date | None = None
    observations: str = "cited"
    attachments: str = "digests"
    """Files of manual evidence: only their digests, or included."""
    query: str | None = None
    """Only what this query finds, in the finder's language; None: all evidence of the period."""
    sample: int | None = None
    """Only so many records of what the query finds, drawn at random."""
    seed: str = ""
    """Of the sample; empty: a random one, which the report tells."""
    by: str = ""
    """Who chooses; stands in the ledger."""


def build_report(
    settings: Settings, request: ReportRequest, now: datetime | None = None
) -> BuiltReport:
    """Build the report of an assessment; `ReportError` says which assessments there are."""
    with open_store(settings, create=False) as store:
        assessment = store.assessment(find_assessment(renamed(store), request.assessment).id)
        made_at = now or utc_now()
        if request.query is None and request.sample is None:
            return build_in(store, assessment, request, made_at)
        choice, first, last = _chosen(store, assessment, request, made_at)
        wanted = replace(request, first_day=first, last_day=last)
        return build_in(store, assessment, wanted, made_at, choice)


def verify_report(
    report: Path, key: str, previous: Path | None = None, *, again: bool = False
) -> Outcome:
    """Return what verifying a report finds; `again`: recompute every verdict as well.

    Raises `UsageError` for a key or a file that cannot be read.
    """
    with _readable(key):
        outcome = verify(report, read_key(key) if key else None, previous)
        if again and outcome.failure is None:
            rejudge(report, outcome, catalogues.load())
        return outcome


def verify_file(
    path: Path, key: str, previous: Path | None = None, *, again: bool = False
) -> Outcome:
    """Return what verifying a report finds, or an export that has its manifest beside it."""
    if not is_export(path):
        return verify_report(path, key, previous, again=again)
    if previous is not None or again:
        raise UsageError(
            f"{path.name} is an export: --previous and --rejudge are for reports",
            why="An export holds no proofs that could be compared or judged again.",
            todo="Leave them out, or build a report: affidavit report build --query.",
        )
    with _readable(key):
        return verify_export(path, read_key(key) if key else None)


@contextmanager
def _readable(key: str) -> Iterator[None]:
    """Tell the user which key or file cannot be read."""
    try:
        yield
    except KeyProblemError as problem:
        raise UsageError(
            f"The key {key} cannot be used",
            why=str(problem),
            todo="`affidavit key show` prints it.",
        ) from problem
    except OSError as error:
        raise UsageError(
            f"{error.filename} cannot be read", why=error.strerror or str(error)
        ) from error


def find_assessment(known: Sequence[Assessment], wanted: str) -> Assessment:
    """Return the assessment of this id or name, or whose id alone begins or ends so."""
    found = [a for a in known if wanted in (a.id, a.name)]
    found = found or [a for a in known if a.id.startswith(wanted) or a.id.endswith(wanted)]
    if len(found) == 1 and wanted:
        return found[0]
    names = "; ".join(f"{a.id} {a.name} ({a.tenant})" for a in found or known)
    if found:
        raise ReportError(f"{wanted!r} is more than one assessment", why=f"They are: {names}.")
    raise ReportError(
        f"There is no assessment {wanted!r}",
        why=f"There are: {names}." if known else "There is none yet.",
        todo="Give the id or the name of one." if known else "Run `affidavit run`.",
    )


def _chosen(
    store: Store, assessment: Assessment, request: ReportRequest, now: datetime
) -> tuple[Choice, date, date]:
    """Make the choice that a request asks for, log it; return it with its first and last day."""
    query, size = request.query or "", store.log(assessment.tenant).size
    question = report_choices.question_of(store, assessment, query, size)
    days = report_choices.run_days(store, assessment, now.date())
    inside = {
        run
        for run, day in days.of.items()
        if (request.first_day or day) <= day <= (request.last_day or day)
    }
    keep = None if len(inside) == len(days.of) else lambda one: one.run_id in inside
    said = {"query": query, "understood": str(parse_query(query))}
    runs: Collection[str] = inside  # a sample is drawn from all of them, wherever it falls
    if request.sample is None:
        choice, runs = report_choices.by_query(store, question, keep, **said)
    else:
        seed = request.seed or secrets.token_hex(8)
        choice = report_choices.by_sample(store, question, request.sample, seed, keep, **said)
    if not choice.records:
        raise ReportError(
            "The query finds no evidence to report",
            why=f"It was understood as: {said['understood']}." if query else "",
            todo="Try it with `affidavit find`.",
        )
    first, last = report_choices.span((days.of[run] for run in runs), days.whole)
    leaf = _log(store, assessment, choice, request.by, now)
    return replace(choice, leaf=leaf), request.first_day or first, request.last_day or last


def _log(store: Store, assessment: Assessment, choice: Choice, by: str, now: datetime) -> int:
    """Append the record that says what was chosen, sign a checkpoint; return the record's leaf."""
    identifier = new_id(now)
    record = {
        "kind": "change",
        "id": identifier,
        "time": iso(now),
        "by": by,
        "action": "CREATE",
        "object_type": "ASSESSMENT_REPORT",
        "object_id": identifier,
        "object_name": assessment.name,
        "assessment_id": assessment.id,
        "control_set_id": "",
        "tenant": assessment.tenant,
        "details": plain_json({"choice": choice.said()}).decode(),
    }
    leaf = store.append_record(assessment.tenant, record)
    store.sign_checkpoint(assessment.tenant)
    return leaf


def build_in(
    store: Store,
    assessment: Assessment,
    request: ReportRequest,
    now: datetime,
    choice: Choice | None = None,
) -> BuiltReport:
    """Build the report of an assessment in a store that is open; of chosen evidence if given."""
    signer = store.keys.signer()
    newest = store.checkpoint(assessment.tenant)
    if newest is not None and (
        newest.key != signer.public.fingerprint or _told_since(store, assessment, newest.size)
    ):
        store.sign_checkpoint(assessment.tenant, signer)
    path = request.out
    if path.suffix.lower() != ".zip":
        day = request.last_day or now.date()
        path = _unused(path / f"affidavit-{day.isoformat()}-{assessment.id[-8:]}.zip")
    wanted = Request(
        assessment_id=assessment.id,
        path=path,
        first_day=request.first_day,
        last_day=request.last_day,
        observations=request.observations,
        attachments=request.attachments,
        choice=choice,
        reviewed=_reviewed(store, assessment),
    )
    catalogue = assessment_catalogue(store, catalogues.load(), assessment)
    manual = _Manual(store, assessment.tenant)
    built = build(wanted, store, signer, catalogue, now, manual)
    public = signer.public
    return BuiltReport(
        path=built.path, key=key_file(store, public), key_id=public.fingerprint, built=built
    )


def _unused(path: Path) -> Path:
    """Return the path, or the first of `-2`, `-3`, ... that no file has: an earlier report stays.

    `affidavit verify --previous` needs both, and a report of chosen evidence is not the whole one.
    """
    numbered = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
    return next(one for one in chain((path,), numbered) if not one.exists())


def _told_since(store: Store, assessment: Assessment, size: int) -> bool:
    """Tell whether evidence was deleted or added by hand since the checkpoint of this size.

    Then the report needs a new one: only in its tree does the record stand that says so.
    """
    tenant = assessment.tenant
    return any(
        deletion_in(leaf, record, f"leaf {leaf}") or is_told(record, assessment.id)
        for leaf, record in store.records_between(tenant, size, store.log(tenant).size)
    )


@dataclass(frozen=True, slots=True)
class _Manual:
    """The contents of manual evidence in a store that is open."""

    store: Store
    tenant: str

    def text(self, item: str) -> str | None:
        """Return the text of an item, None where it is not kept."""
        document = self.store.documents.get(self.tenant, MANUAL, item)
        text = None if document is None else document.body.get("textResponse")
        return text if isinstance(text, str) else None

    def parts(self, digest: str) -> Iterator[bytes]:
        """Yield the bytes of a file by its SHA-256."""
        return self.store.attachments.parts(self.tenant, digest)


def _reviewed(store: Store, assessment: Assessment) -> dict[str, datetime]:
    """Return when controls were signed off, by the ids that evidence names them with."""
    document = store.documents.get(assessment.tenant, KIND, assessment.id)
    if document is None:
        return {}
    keys = {control.uuid: control.id for control in catalogues.load().framework.controls()}
    return {
        keys.get(control["id"], control["id"]): parse(control["_reviewedAt"])
        for one in document.body["framework"]["controlSets"]
        for control in one["controls"]
        if control.get("status") == "REVIEWED" and control.get("_reviewedAt")
    }


def key_file(store: Store, public: PublicKey) -> Path:
    """Return the PEM file of a public key in the folder of keys."""
    return store.keys.folder / f"{public.fingerprint}.pub.pem"
