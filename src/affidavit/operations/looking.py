"""Looking at more than one operation of the API answers: pages of the console, and who may.

Each such look has the rights of the operation of the API that answers the same: whoever may read
the evidence of an assessment may read its proof.
"""

from affidavit.operations.accounts import require_registered
from affidavit.operations.authorise import authorise
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context


def require(context: Context, caller: Caller, operation: str) -> None:
    """Raise the `Fault` that the API's `operation` would raise before it looks at its request."""
    authorise(caller, operation)
    require_registered(context, caller)
