"""The period view of an assessment for a caller: only the control sets that are the caller's."""

from dataclasses import replace
from datetime import date

from affidavit.finder.engine import Finder
from affidavit.finder.period import Period, view
from affidavit.operations import looking
from affidavit.operations.assessed import Assessed, assessed
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context

_OPERATION = "GetEvidenceFoldersByAssessment"


def period_view(
    context: Context, caller: Caller, finder: Finder, assessment_id: str, days: tuple[date, date]
) -> tuple[Assessed, Period]:
    """Return what each control was on each day; `QueryError` for a period that cannot be."""
    looking.require(context, caller, _OPERATION)
    found = assessed(context, caller, _OPERATION, assessment_id)
    today = context.now().date()
    period = view(context.store, finder, found.stored, *days, today)
    known = found.by_key()
    controls = tuple(one for one in period.controls if one.control_id in known)
    return found, replace(period, controls=controls)
