"""Manual evidence from the command line, by the operation that the API and the console use."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from affidavit import catalogue as catalogues
from affidavit.errors import UsageError
from affidavit.operations import uploads
from affidavit.operations.assessed import Assessed, AssessedControl, find
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.faults import Fault
from affidavit.operations.manual_evidence import batch_import_evidence_to_assessment_control
from affidavit.operations.manual_items import ManualItem, manual_items
from affidavit.operations.renamed import renamed
from affidavit.operations.reports import find_assessment
from affidavit.operations.users import principal_of
from affidavit.settings import Settings
from affidavit.store import open_store

_CHUNK: Final = 1 << 20
_MAX_TEXT: Final = 1000
"""Characters of a text response (botocore's model)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is added, to which control."""

    assessment: str
    """Its name or id, or how the id begins or ends."""
    control: str
    """GENAI-RESP-02, or the id that the API names."""
    files: Sequence[Path] = ()
    text: str = ""


def add(settings: Settings, wanted: Wanted, by: str) -> list[str]:
    """Add files and a text to a control as manual evidence; return what was added, in words.

    Files are checked before any is kept. `UsageError` says which cannot be read or are not allowed.
    """
    for path in wanted.files:
        problem = uploads.name_problem(path.name)
        if problem:
            raise UsageError(f"{path} cannot be added", why=problem.replace("Member", "Its name"))
    if not wanted.files and not wanted.text:
        raise UsageError("There is nothing to add", todo="Give --file or --text.")
    if len(wanted.text) > _MAX_TEXT:
        raise UsageError(f"A text has {_MAX_TEXT} characters at most; add a file instead")
    with _opened(settings, wanted.assessment) as (context, found):
        control = _control(found, wanted.control)
        caller = _caller(found, by)
        try:
            for path in wanted.files:
                uploads.take(context, caller, path.name, _chunks(path))
            _import(context, caller, found, control, wanted)
        except Fault as fault:
            raise UsageError("The evidence cannot be added", why=str(fault)) from fault
    told = [path.name for path in wanted.files]
    return [*told, "the text"] if wanted.text else told


def listed(settings: Settings, assessment: str) -> list[dict[str, Any]]:
    """Return an assessment's manual evidence, the oldest first, without its salts."""
    with _opened(settings, assessment) as (context, found):
        return [_told(one) for one in manual_items(context, found.stored.tenant, found.id)]


@contextmanager
def _opened(settings: Settings, wanted: str) -> Iterator[tuple[Context, Assessed]]:
    with open_store(settings, create=False) as store:
        context = Context(store=store, catalogue=catalogues.load(), settings=settings)
        stored = find_assessment(renamed(store), wanted)
        found = find(context, stored.tenant, stored.id)
        if found is None:
            raise UsageError(f"The assessment {wanted!r} is gone")
        yield context, found


def _import(
    context: Context, caller: Caller, found: Assessed, control: AssessedControl, wanted: Wanted
) -> None:
    items = [{"evidenceFileName": path.name} for path in wanted.files]
    request = {
        "assessmentId": found.id,
        "controlSetId": control.set_id,
        "controlId": control.id,
        "manualEvidence": [*items, *([{"textResponse": wanted.text}] if wanted.text else [])],
    }
    answer = batch_import_evidence_to_assessment_control(context, caller, request)
    if answer["errors"]:
        words = "; ".join(str(error["errorMessage"]) for error in answer["errors"])
        raise UsageError("Not everything could be added", why=words)


def _control(found: Assessed, wanted: str) -> AssessedControl:
    for control in found.controls:
        if wanted.lower() in (control.key.lower(), control.id):
            return control
    raise UsageError(
        f"The assessment {found.name} has no control {wanted}",
        todo="`affidavit framework show` names those of the standard framework.",
    )


def _caller(found: Assessed, by: str) -> Caller:
    tenant = found.stored.tenant
    return Caller.of_tenant(tenant, principal_of(tenant.partition("/")[0], by), "admin")


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise UsageError(f"{path} cannot be read", why=error.strerror or str(error)) from error


def _told(one: ManualItem) -> dict[str, Any]:
    names = ("fileName", "s3ResourcePath", "textResponse", "sha256", "size", "state", "createdAt")
    shown = {name: one.body[name] for name in (*names, "createdBy") if name in one.body}
    return {"id": one.id, "control": one.control_key, **shown}
