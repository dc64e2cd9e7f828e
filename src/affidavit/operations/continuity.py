"""No hole in CloudTrail's events: what is asked for begins where the last run ended.

Events are asked for since the midnight before the day of the run, so that runs on consecutive days
overlap. Where days were missed, they are asked for since the day of the last run, as far back as
CloudTrail keeps them.
"""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Final

from affidavit.model.run import Assessment
from affidavit.model.times import iso
from affidavit.store import Store

KEPT: Final = timedelta(days=89)
"""CloudTrail's event history has 90 days (CloudTrail user guide); a day less, to be inside."""
_CURSOR: Final = "LookupEvents"


def without_hole(store: Store, assessment: Assessment, now: datetime) -> Assessment:
    """Return the assessment as it is collected now: with a cursor where days were missed.

    The cursor stands in the run record beside the parameters, so that judging again sees it.
    """
    last = store.last_day(assessment.id)
    if last is None or last >= now.date() - timedelta(days=1):
        return assessment
    since = max(datetime.combine(last, time(), UTC), now - KEPT)
    cursor = {_CURSOR: {"StartTime": iso(since)}}
    return replace(assessment, parameters={**assessment.parameters, **cursor})
