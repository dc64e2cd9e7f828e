"""An assessment whose CloudTrail sources are asked continually, and what came of it."""

from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from tests.operations.api.trail import KEYWORDS, Trail, source

from affidavit.model.evidence import Evidence
from affidavit.model.times import utc_now
from affidavit.operations import activity, work
from affidavit.operations.collecting import collect
from affidavit.operations.reports import ReportRequest, build_in, verify_report
from affidavit.report.verify.outcome import Outcome


class Story:
    """An assessment with two CloudTrail sources in one control, and one in another."""

    def __init__(self, owner: Any, an_assessment: Any, tmp_path: Path) -> None:
        start = utc_now() + timedelta(days=1)
        owner.clock.time = start.replace(hour=6, minute=0, second=0, microsecond=0)
        self.owner, self.out = owner, tmp_path / "r.zip"
        self.trail = Trail(owner.clock)
        both = owner(
            "CreateControl", name="Both", controlMappingSources=list(map(source, KEYWORDS))
        )
        one = owner("CreateControl", name="One", controlMappingSources=[source(KEYWORDS[0])])
        controls = [{"id": made["control"]["id"]} for made in (both, one)]
        sets = [{"name": "Own", "controls": controls}]
        made = owner("CreateAssessmentFramework", name="Own", controlSets=sets)["framework"]["id"]
        self.id = str(an_assessment(frameworkId=made)["metadata"]["id"])
        self.store = owner.context.store
        self.forget_tasks()

    @property
    def tasks(self) -> list[Any]:
        """Return the tasks that wait for the assessment."""
        tenant = self.owner.caller.tenant
        return list(self.store.documents.every(tenant, work.KIND, parent=self.id))

    def forget_tasks(self) -> None:
        """Delete them."""
        now, tenant = self.owner.clock(), self.owner.caller.tenant
        self.store.documents.act(tenant, now=now, deletes=self.tasks)

    def wait(self, **delta: float) -> None:
        """Let time pass."""
        self.owner.clock.forward(**delta)

    def whole(self) -> Any:
        """Collect everything today."""
        context = self.owner.context
        assessment = self.store.assessment(self.id)
        door: Any = self.trail
        return collect(self.store, context.catalogue, assessment, door, now=context.now)

    def increment(self) -> None:
        """Ask for new events, as the worker does with its task."""
        context, tenant = self.owner.context, self.owner.caller.tenant
        now = context.now()
        task = work.queued(context, "activity", self.id, subject=self.id)
        self.store.documents.act(tenant, now=now, puts=[task])
        taken = work.take(context)
        assert taken is not None
        activity.run(context, taken, lambda: False)
        taken.done()

    def days(self) -> tuple[date, date]:
        """Return a period that holds everything."""
        today = self.owner.clock().date()
        return today - timedelta(days=30), today

    def evidence(self) -> list[Evidence]:
        """Return all evidence."""
        return [one for _, one in self.store.evidence(self.id, *self.days())]

    def events(self) -> Counter[tuple[str, str]]:
        """Return how often each event was recorded, by source and id."""
        found = [one for one in self.evidence() if "eventId" in one.attributes]
        return Counter((one.source_id, one.attributes["eventId"]) for one in found)

    def runs(self) -> list[dict[str, Any]]:
        """Return all run records."""
        return [one for _, one in self.store.run_records(self.owner.caller.tenant, *self.days())]

    def report(self, source_: Any = None, **given: Any) -> Outcome:
        """Build a report, and judge it again."""
        store = source_ or self.store
        request = ReportRequest(assessment=self.id, out=self.out, **given)
        built = build_in(store, self.store.assessment(self.id), request, self.owner.clock())
        outcome = verify_report(built.path, str(built.key), again=not given)
        assert isinstance(outcome, Outcome)
        return outcome


def interrupted(*_: object, **__: object) -> None:
    """End the process's work here, as far as a test can without ending itself."""
    raise KeyboardInterrupt
