"""One item of evidence with all that it was made from, and its place in the ledger, recomputed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from affidavit.errors import LedgerError, StoreError
from affidavit.ledger.proof import Proof
from affidavit.model.catalogue import Check
from affidavit.model.evidence import Evidence, Input
from affidavit.model.observation import Gap, Observation
from affidavit.operations import looking
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.evidence import Found, identity, items_of
from affidavit.operations.evidence_folders import Folder, folder_of
from affidavit.operations.faults import NotFoundFault
from affidavit.operations.manual_items import KEPT, ManualItem
from affidavit.operations.selections import selection

_OPERATION: Final = "GetEvidence"
MAX_INPUTS: Final = 20
"""Answers that are shown with an item; some are judged from hundreds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What an item of evidence was judged from: an answer, or why there is none."""

    cited: Input
    result: Observation | Gap | None
    """None where it cannot be read; `why` says so."""
    why: str = ""

    @property
    def part(self) -> Any:
        """Return the part of the answer that the pointer names; the whole where it names none."""
        if not isinstance(self.result, Observation):
            return None
        value: Any = self.result.body
        for step in self.cited.pointer.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            try:
                value = value[int(name)] if isinstance(value, list) else value[name]
            except (KeyError, IndexError, ValueError, TypeError):
                return None
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of recomputing an item's place in the ledger."""

    name: str
    holds: bool
    words: str
    compared: Sequence[tuple[str, str]] = ()
    """(what, value), to compare by eye."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceDetails:
    """One item, whole."""

    assessment_id: str
    assessment: str
    folder: Folder
    item: Found
    collected: Evidence | None
    """The whole record, if it was collected."""
    selected: bool
    check: Check | None
    """The check as the catalogue has it now, if there is one of this name."""
    seen: Sequence[Seen]
    more_inputs: int
    """How many answers are not shown."""

    @property
    def manual(self) -> ManualItem | None:
        """Return the item that a person added, if it is one."""
        return self.item if isinstance(self.item, ManualItem) else None

    @property
    def leaf(self) -> int:
        """Return its leaf in the ledger; of a manual item, at least that of its import."""
        return identity(self.item).leaf

    @property
    def is_late(self) -> bool:
        """Tell whether it is later than the control's sign-off."""
        reviewed = self.folder.control.reviewed_at
        time = self.item.time if isinstance(self.item, ManualItem) else self.item[1].time
        return reviewed is not None and time > reviewed


def evidence_details(
    context: Context, caller: Caller, assessment_id: str, folder_id: str, evidence_id: str
) -> EvidenceDetails:
    """Return one item of a folder with the answers that it was judged from."""
    looking.require(context, caller, _OPERATION)
    request = {"assessmentId": assessment_id, "evidenceFolderId": folder_id}
    found, folder = folder_of(context, caller, _OPERATION, request)
    chosen = selection(context, caller.tenant, found.id)
    for one in items_of(context, found, folder):
        if identity(one).id != evidence_id:
            continue
        record = None if isinstance(one, ManualItem) else _whole(context, evidence_id)
        inputs = record.inputs if record else ()
        return EvidenceDetails(
            assessment_id=found.id,
            assessment=found.name,
            folder=folder,
            item=one,
            collected=record,
            selected=chosen.holds(folder.id, identity(one)),
            check=context.catalogue.checks.get(record.check_id) if record else None,
            seen=[_seen(context, given) for given in inputs[:MAX_INPUTS]],
            more_inputs=max(0, len(inputs) - MAX_INPUTS),
        )
    raise NotFoundFault(evidence_id, "evidence")


def verified(context: Context, caller: Caller, details: EvidenceDetails) -> list[Step]:
    """Recompute an item's place in the ledger, step by step; stops at the first that fails.

    Only what was collected has a leaf of its own; a manual item's digest is compared with its file.
    """
    if details.manual is not None:
        return [_file_step(context, caller, details.manual)]
    record = details.collected
    if record is None:
        raise NotFoundFault("", "evidence")
    log = context.store.log(caller.tenant)
    entry = log.entry(details.leaf)
    steps = [
        Step(
            name="record",
            holds=record.entry == entry.hex(),
            words="SHA-256 of the record's canonical JSON is the leaf in the ledger.",
            compared=[("recomputed", record.entry), ("in the ledger", entry.hex())],
        )
    ]
    if steps[0].holds:
        steps.append(_included(context, caller, details.leaf, bytes.fromhex(record.entry)))
    return steps


def manual_file(
    context: Context, caller: Caller, details: EvidenceDetails
) -> tuple[Iterator[bytes], str] | None:
    """Return the parts of a manual item's file and the name that its uploader gave it, or None."""
    item = details.manual
    if item is None or item.body["state"] != KEPT or not item.body.get("fileName"):
        return None
    parts = context.store.attachments.parts(caller.tenant, item.body["sha256"])
    return parts, item.body["fileName"]


def _whole(context: Context, evidence_id: str) -> Evidence:
    """Return a record with what folders do not show: its inputs and parameters."""
    found = context.store.evidence_by_id(evidence_id)
    if found is None:
        raise NotFoundFault(evidence_id, "evidence")
    return found[1]


def _seen(context: Context, cited: Input) -> Seen:
    try:
        return Seen(cited=cited, result=context.store.observation(cited.digest))
    except StoreError as error:
        return Seen(cited=cited, result=None, why=error.what)


def _included(context: Context, caller: Caller, leaf: int, entry: bytes) -> Step:
    """Walk from the leaf to the root that the newest checkpoint signs, and check its signature."""
    name, store = "checkpoint", context.store
    found = store.checkpoint(caller.tenant)
    if found is None or found.size <= leaf:
        words = "No signed checkpoint covers this leaf yet; the next collection signs one."
        return Step(name=name, holds=False, words=words)
    path = store.log(caller.tenant).inclusion_proof(leaf, found.size)
    keys = [key.verifier(caller.tenant) for key in store.public_keys()]
    try:
        checkpoint = Proof(leaf, path, found.note).verify(entry, keys)
    except LedgerError as error:
        return Step(name=name, holds=False, words=error.in_a_line)
    return Step(
        name=name,
        holds=True,
        words=(
            f"{len(path)} hashes lead from leaf {leaf} to the root of {found.size} leaves, "
            "and the signature of that checkpoint holds."
        ),
        compared=[("root", checkpoint.root.hex()), ("signed by", found.key)],
    )


def _file_step(context: Context, caller: Caller, item: ManualItem) -> Step:
    known = str(item.body.get("sha256", ""))
    words = "SHA-256 of the content is the one that the change log's leaf holds."
    try:
        if item.body.get("fileName"):
            read = sha256()
            for part in context.store.attachments.parts(caller.tenant, known):
                read.update(part)
            digest = read.hexdigest()
        else:
            digest = sha256(item.body.get("textResponse", "").encode()).hexdigest()
    except StoreError as error:
        return Step(name="file", holds=False, words=str(error))
    return Step(
        name="file",
        holds=bool(known) and digest == known,
        words=words,
        compared=[("recomputed", digest), ("noted", known)],
    )
