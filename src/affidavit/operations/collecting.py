"""One collection of an assessment as it is now: by the server's worker and by `affidavit run`.

Its own framework without INACTIVE controls (`collectable`), what is due today (`frequency`), and
CloudTrail's events since the last run (`continuity`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from affidavit.aws.door import Door
from affidavit.collector.execute import Asked
from affidavit.collector.run import Collector
from affidavit.model.catalogue import Catalogue
from affidavit.model.run import Assessment
from affidavit.model.times import utc_now
from affidavit.operations import frequency
from affidavit.operations.collectable import assessment_catalogue
from affidavit.operations.continuity import without_hole
from affidavit.store import Committed, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """What a collection did."""

    committed: Committed
    catalogue: Catalogue
    """What was collected with."""
    resumed: int
    """Answers that an interrupted attempt had already got."""


def collect(
    store: Store,
    shipped: Catalogue,
    assessment: Assessment,
    door: Door,
    *,
    on_progress: Callable[[Asked], None] = lambda _asked: None,
    now: Callable[[], datetime] = utc_now,
) -> Collection:
    """Collect an assessment for the present UTC day and commit it; see `Collector.run`."""
    moment = now()
    catalogue = assessment_catalogue(store, shipped, assessment)
    not_due = frequency.not_due(store, catalogue, assessment, moment.date())
    collector = Collector(
        catalogue=catalogue,
        store=store,
        door=door,
        not_due=not_due,
        on_progress=on_progress,
        now=now,
    )
    committed = collector.run(without_hole(store, assessment, moment))
    frequency.note(store, catalogue, not_due, assessment, committed.run_record)
    return Collection(committed=committed, catalogue=catalogue, resumed=collector.counts.resumed)
