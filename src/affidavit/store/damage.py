"""What is wrong with a ledger's evidence, in words."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from affidavit.errors import LedgerError, StoreDamagedError
from affidavit.model.canonical import canonical
from affidavit.model.evidence import Evidence
from affidavit.model.verdict import Standing, Verdict

BACKUP: Final = "Restore what is named here from a backup, and find out who changed it."
_MOST: Final = 20
"""Of several things that are wrong, how many are named."""


def together(wrong: Sequence[LedgerError | StoreDamagedError]) -> LedgerError | StoreDamagedError:
    """Return one error that names all of several, or the only one as it is."""
    first, *others = wrong
    if not others:
        return first
    named = "; ".join(one.what for one in others[: _MOST - 1])
    more = f", and {len(wrong) - _MOST} more" if len(wrong) > _MOST else ""
    why = f"{first.why} {len(wrong)} things are wrong; the others: {named}{more}."
    return type(first)(first.what, why=why.strip(), todo=first.todo)


def laid_out_otherwise(path: Path) -> LedgerError:
    """Return the error of a segment whose columns are others than were written."""
    return LedgerError(f"The segment {path} is not laid out as it was written", todo=BACKUP)


def what_changed(evidence: Evidence, logged: bytes) -> str:
    """Return which field was altered, where trying its few values can tell."""
    for verdict, standing, synthetic in itertools.product(Verdict, Standing, (False, True)):
        tried = replace(evidence, verdict=verdict, standing=standing, synthetic=synthetic)
        if sha256(canonical(tried.to_json())).digest() == logged:
            changed = [
                f"field {name} is {getattr(evidence, name)} and was {getattr(tried, name)}"
                for name in ("verdict", "standing", "synthetic")
                if getattr(evidence, name) != getattr(tried, name)
            ]
            return "; ".join(changed) + " when it was logged."
    return (
        f"It now says {evidence.verdict} for {evidence.control_id} and "
        f"{evidence.resource_arn or evidence.account_id}; the hash cannot tell which field changed."
    )
