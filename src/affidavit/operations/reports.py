"""Reports: build one from the store, verify one from anywhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from affidavit import catalogue as catalogues
from affidavit.errors import ReportError, UsageError
from affidavit.ledger.keys import PublicKey
from affidavit.model.run import Assessment
from affidavit.model.times import parse, utc_now
from affidavit.operations.assessment_bodies import KIND
from affidavit.operations.collectable import assessment_catalogue
from affidavit.report import Built, Request, build
from affidavit.report.rejudge import rejudge
from affidavit.report.verify.note import Key, KeyProblemError, read_key
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


def build_report(
    settings: Settings, request: ReportRequest, now: datetime | None = None
) -> BuiltReport:
    """Build the report of an assessment; `ReportError` says which assessments there are."""
    with open_store(settings) as store:
        assessment = find_assessment(store.assessments(), request.assessment)
        return build_in(store, assessment, request, now or utc_now())


def verify_report(
    report: Path, key: str, previous: Path | None = None, *, again: bool = False
) -> Outcome:
    """Return what verifying a report finds; `again`: recompute every verdict as well.

    Raises `UsageError` for a key or a file that cannot be read.
    """
    try:
        given: Key | None = read_key(key) if key else None
        outcome = verify(report, given, previous)
        if again and outcome.failure is None:
            rejudge(report, outcome, catalogues.load())
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
    return outcome


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


def build_in(
    store: Store, assessment: Assessment, request: ReportRequest, now: datetime
) -> BuiltReport:
    """Build the report of an assessment in a store that is open."""
    signer = store.keys.signer()
    newest = store.checkpoint(assessment.tenant)
    if newest is not None and newest.key != signer.public.fingerprint:
        store.sign_checkpoint(assessment.tenant, signer)
    path = request.out
    if path.suffix.lower() != ".zip":
        day = request.last_day or now.date()
        path = path / f"affidavit-{day.isoformat()}-{assessment.id[-8:]}.zip"
    wanted = Request(
        assessment_id=assessment.id,
        path=path,
        first_day=request.first_day,
        last_day=request.last_day,
        observations=request.observations,
        reviewed=_reviewed(store, assessment),
    )
    catalogue = assessment_catalogue(store, catalogues.load(), assessment)
    built = build(wanted, store, signer, catalogue, now)
    public = signer.public
    return BuiltReport(
        path=built.path, key=key_file(store, public), key_id=public.fingerprint, built=built
    )


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
