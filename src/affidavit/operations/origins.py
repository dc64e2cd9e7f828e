"""Whether evidence is of AWS, or of something that poses as it: as the runs' records say.

A run derives the mark from each answer's endpoint and TLS peer; its record stands in the ledger.
"""

from collections.abc import Collection
from datetime import date

from affidavit.operations.context import Context


def is_synthetic(
    context: Context, tenant: str, assessments: Collection[str], *days: date | None
) -> bool:
    """Tell whether any run of these assessments on one of these days was not answered by AWS."""
    return any(
        record["synthetic"] and record["assessment_id"] in assessments
        for day in {one for one in days if one is not None}
        for _, record in context.store.run_records(tenant, day, day)
    )
