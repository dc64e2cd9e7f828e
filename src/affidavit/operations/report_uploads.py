"""A report that somebody uploads, held to our own public keys.

That is a convenience: whoever does not trust this server verifies on a machine of their own, with
`affidavit verify` and a key that came on another way.
"""

import threading
from pathlib import Path
from typing import Final

from affidavit.operations import looking
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.faults import ThrottlingFault, ValidationFault
from affidavit.operations.reports import key_file
from affidavit.report.verify.note import read_key
from affidavit.report.verify.outcome import Outcome, verify

MAX_BYTES: Final = 2**30
"""Largest report that is taken."""
_turn: Final = threading.BoundedSemaphore(1)
OPERATION: Final = "ValidateAssessmentReportIntegrity"
"""Of the API: who may validate reports may upload one."""


def verify_upload(context: Context, caller: Caller, path: Path) -> tuple[Outcome, str]:
    """Return what verifying finds, and the fingerprint of the key that it was held to.

    One at a time: what is uploaded may be made to cost as much memory as the verifier allows.

    The keys are tried from the current one back; where none verifies, what the current one finds.
    """
    looking.require(context, caller, OPERATION)
    if not _turn.acquire(blocking=False):
        raise ThrottlingFault("Another report is being verified. Try again in a minute.")
    try:
        return _verified(context, path)
    finally:
        _turn.release()


def _verified(context: Context, path: Path) -> tuple[Outcome, str]:
    tried = []
    for public in context.store.public_keys():
        outcome = verify(path, read_key(str(key_file(context.store, public))))
        tried.append((outcome, public.fingerprint))
        if outcome.verified:
            return tried[-1]
    if not tried:
        raise ValidationFault("This installation has no signing key yet: it signed no report.")
    return tried[0]
