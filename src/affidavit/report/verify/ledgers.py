"""Two reports, one ledger: the earlier one's must be the beginning of the later one's."""

from collections.abc import Callable

from .canonical import load_object
from .failure import VerificationError
from .merkle import consistent
from .previous import compare
from .proved import decode_proof
from .state import CHECKPOINT, CONSISTENCY, MAX_LINE, State


def ledgers(state: State, check: Callable[[State], None]) -> str:
    """Check that an earlier report's ledger is the beginning of this one's, and says the same.

    `check` verifies the earlier report in itself and fills in its state.
    """
    if state.previous is None:
        return "not asked (--previous)"
    old_file = state.previous.path.name
    old = State(state.previous, state.given or state.key, None)
    check(old)
    new = state.checkpoint
    if old.name != state.name or old.checkpoint.size > new.size:
        size = old.checkpoint.size
        raise VerificationError(old_file, f"is not earlier: {old.name}, {size} leaves")
    was = old.checkpoint.size, old.checkpoint.root
    if not consistent(was, (new.size, new.root), _proof_from(state, was[0])):
        raise VerificationError(
            CHECKPOINT,
            f"the ledger of {old_file} ({was[0]} leaves) is not the beginning of this one: "
            "what had been written was changed",
        )
    compared = compare(old, state, old_file)
    return f"the ledger of {old_file} ({was[0]} leaves) is the beginning of this one; {compared}"


def _proof_from(state: State, size: int) -> list[bytes]:
    if size in (0, state.checkpoint.size):
        return []
    for number, line in state.archive.lines(CONSISTENCY, MAX_LINE):
        where = f"{CONSISTENCY} line {number}"
        value = load_object(line, where)
        if value.get("size") == size:
            return decode_proof(value.get("proof"), where)
    raise VerificationError(
        CONSISTENCY, f"holds no proof from the earlier report's {size} leaves to this one's"
    )
