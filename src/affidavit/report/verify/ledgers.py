"""Two reports, one ledger: the earlier one's must be the beginning of the later one's."""

from .canonical import load_object
from .failure import VerificationError
from .merkle import consistent
from .note import check_signature, parse_checkpoint, parse_note
from .proved import decode_proof
from .state import CHECKPOINT, CONSISTENCY, MAX_SMALL, State


def ledgers(state: State) -> str:
    """Check that the ledger of an earlier report is the beginning of this one's."""
    if state.previous is None:
        state.notes.append(
            "That there is one ledger only: compare with an earlier report (--previous OLD.zip), "
            "or with a checkpoint kept elsewhere."
        )
        return "not asked (--previous)"
    assert state.key is not None  # noqa: S101 - set by the first step
    old_file = state.previous.path.name
    note = parse_note(state.previous.read(CHECKPOINT, MAX_SMALL), f"{old_file}, {CHECKPOINT}")
    signers = [k for k in (state.key, state.given) if k is not None]
    if not any(i == k.id(state.name) for _, i, _ in note.signatures for k in signers):
        check_signature(note, state.key, state.name, f"{old_file}, {CHECKPOINT}")
    for key in signers:
        if any(i == key.id(state.name) for _, i, _ in note.signatures):
            check_signature(note, key, state.name, f"{old_file}, {CHECKPOINT}")
    old = parse_checkpoint(note, f"{old_file}, {CHECKPOINT}")
    new = state.checkpoint
    if old.origin != new.origin or old.size > new.size:
        raise VerificationError(old_file, f"is not earlier: {old.origin}, {old.size} leaves")
    if not consistent((old.size, old.root), (new.size, new.root), _proof_from(state, old.size)):
        raise VerificationError(
            CHECKPOINT,
            f"the ledger of {old_file} ({old.size} leaves) is not the beginning of this one: "
            "what had been written was changed",
        )
    return f"the ledger of {old_file} ({old.size} leaves) is the beginning of this one"


def _proof_from(state: State, size: int) -> list[bytes]:
    if size in (0, state.checkpoint.size):
        return []
    for number, line in state.archive.lines(CONSISTENCY, MAX_SMALL):
        where = f"{CONSISTENCY} line {number}"
        value = load_object(line, where)
        if value.get("size") == size:
            return decode_proof(value.get("proof"), where)
    raise VerificationError(
        CONSISTENCY, f"holds no proof from the earlier report's {size} leaves to this one's"
    )
