"""Runs of prompts that the server makes in the background, asked for by an audit owner.

Each is one document (kind prompt_job) that tells the progress; what it came to is kept as any run
is. A server that stops hands the run back, one that was killed leaves it to the next: the journal
knows what was answered, and nothing of it is asked again.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from affidavit.errors import AffidavitError, StoreBusyError, StoreConflictError
from affidavit.model.identifiers import new_id
from affidavit.model.times import iso
from affidavit.operations import looking, prompt_asking, work
from affidavit.operations.accounts import has_left
from affidavit.operations.assessed import assessed
from affidavit.operations.caller import Caller
from affidavit.operations.changes import Change, act
from affidavit.operations.context import Context
from affidavit.operations.faults import AccessDeniedFault, NotFoundFault, QuotaFault
from affidavit.operations.own_suites import suite_named
from affidavit.operations.prompt_asking import Asking
from affidavit.operations.prompt_plans import OPERATION, Plan, Wanted, plan, settings_of
from affidavit.prompts import results as counted
from affidavit.prompts.runner import RunSettings
from affidavit.store.documents import Document

KIND: Final = "prompt_job"
MOST: Final = 5
"""Runs of a tenant that may wait or run at once."""
NEWEST: Final = 20
"""Of an assessment that are listed."""
_READ: Final = "GetInsightsByAssessment"
_TOLD: Final = 1.0
"""Seconds between two words about the progress."""
_VERDICTS: Final = (counted.PASSED, counted.FAILED, counted.UNDECIDED)


class _StoppedError(AffidavitError):
    """Somebody stopped the run."""


def start(context: Context, caller: Caller, wanted: Wanted) -> Document:
    """Leave the task that makes the run; `ValidationFault` or `QuotaFault` where it cannot be."""
    looking.require(context, caller, OPERATION)
    planned = plan(context, caller, wanted)
    now = context.now()
    body = _body(planned, wanted, caller.principal_arn, iso(now))
    document = Document(
        kind=KIND, id=new_id(now), parent=planned.assessment.id, sort=iso(now), body=body
    )
    task = work.queued(context, "prompts", planned.assessment.id, subject=document.id)
    room = context.store.documents.rule(caller.tenant, KIND, _is_under_way, _require_room)
    act(context, caller, _change(document), puts=[document, task], rules=[room])
    context.wake()
    return document


def _is_under_way(document: Document) -> bool:
    return bool(document.body["status"] == "IN_PROGRESS")


def _require_room(every: list[bool]) -> None:
    """Raise `QuotaFault`; asked as the run is written, so that those at the same moment count."""
    if sum(every) >= MOST:
        raise QuotaFault(f"{MOST} runs of prompts are under way already: wait, or stop one.")


def stop(context: Context, caller: Caller, job_id: str) -> Document:
    """Stop a run: what was answered stays in the journal, and the same run goes on from there."""
    document = details(context, caller, job_id)
    looking.require(context, caller, OPERATION)
    assessed(context, caller, OPERATION, document.parent)
    if document.body["status"] == "IN_PROGRESS":
        put = replace(document, body={**document.body, "stop": True})
        context.store.documents.act(caller.tenant, now=context.now(), puts=[put])
    return document


def listed(context: Context, caller: Caller) -> list[Document]:
    """Return the newest runs of the assessments that are the caller's own."""
    found: list[Document] = []
    for stored in context.store.assessments(caller.tenant):
        with suppress(AccessDeniedFault):
            own = assessed(context, caller, _READ, stored.id)
            found += context.store.documents.every(
                caller.tenant, KIND, parent=own.id, newest_first=True, limit=NEWEST
            )
    return sorted(found, key=lambda one: one.sort, reverse=True)


def details(context: Context, caller: Caller, job_id: str) -> Document:
    """Return a run; `NotFoundFault` where there is none, `AccessDeniedFault` for a foreign one."""
    looking.require(context, caller, _READ)
    found = context.store.documents.get(caller.tenant, KIND, job_id)
    if found is None:
        raise NotFoundFault(job_id, "promptJob")
    assessed(context, caller, _READ, found.parent)
    return found


def run(context: Context, tenant: str, task: Document, stopping: Callable[[], bool]) -> None:
    """Make a run. What refuses it is told by its status: it is not tried again."""
    document = context.store.documents.get(tenant, KIND, task.body["subject"])
    if document is None or document.body["status"] != "IN_PROGRESS":
        return
    job = _Job(context, tenant, document, stopping)
    if has_left(context, tenant):
        job.end("FAILED", "The account was deregistered.")
        return
    try:
        job.make()
    except (StoreBusyError, work.StoppingError):
        raise
    except _StoppedError:
        job.end("STOPPED", "")
    except AffidavitError as error:
        job.end("FAILED", error.in_a_line)


def failed(context: Context, tenant: str, job_id: str, why: str) -> None:
    """Tell that a run was given up."""
    document = context.store.documents.get(tenant, KIND, job_id)
    if document is not None and document.body["status"] == "IN_PROGRESS":
        _Job(context, tenant, document, lambda: False).end("FAILED", why)


@dataclass(slots=True)
class _Job:
    """One run that is made."""

    context: Context
    tenant: str
    document: Document
    stopping: Callable[[], bool]
    _told: float = 0.0

    def make(self) -> None:
        """Ask all cases and keep what they came to."""
        body = self.document.body
        self._tell({"asked": 0, **dict.fromkeys(_VERDICTS, 0)})
        asking = Asking(
            tenant=self.tenant,
            suite=suite_named(self.context.store, self.tenant, body["wanted"]["suite"]),
            model=body["wanted"]["model"],
            account_id=body["wanted"]["account_id"],
            region=body["wanted"]["region"],
            assessment_id=self.document.parent,
            how=self._how(),
        )
        counts = {"asked": 0, **dict.fromkeys(_VERDICTS, 0)}

        def count(result: Mapping[str, Any]) -> None:
            counts["asked"] += 1
            if result["verdict"] in counts:
                counts[result["verdict"]] += 1
            self._progress(counts)

        done = prompt_asking.ask(self.context, asking, count)
        tally = counted.tally(done.results)
        self._tell(
            {
                "asked": tally.cases - tally.not_asked,
                counted.PASSED: tally.passed,
                counted.FAILED: tally.failed,
                counted.UNDECIDED: tally.undecided,
                "tokens": done.head["tokens"],
                "cost": str(done.head["cost"]),
                "runId": done.head["runId"],
            }
        )
        why = "The budget is used up: the other cases were not asked." if tally.not_asked else ""
        self.end("COMPLETE", why)

    def end(self, status: str, why: str) -> None:
        """Say what became of it."""
        ended = iso(self.context.now())
        with suppress(_StoppedError):
            self._tell({"status": status, "why": why, "endedAt": ended}, final=True)

    def _how(self) -> RunSettings:
        wanted = Wanted(**self.document.body["wanted"])
        return settings_of(wanted, self.context.settings.concurrency)

    def _progress(self, counts: Mapping[str, int]) -> None:
        now = time.monotonic()
        if self.stopping():
            raise work.StoppingError("The server stops")
        if now - self._told >= _TOLD:
            self._told = now
            self._tell(counts)

    def _tell(self, members: Mapping[str, Any], *, final: bool = False) -> None:
        """Write members; `_StoppedError` where somebody has stopped the run meanwhile."""
        documents = self.context.store.documents
        for _ in range(5):
            body = self.document.body
            if body["stop"] and not final:
                raise _StoppedError("It was stopped")
            put = replace(self.document, body={**body, **members})
            try:
                documents.act(self.tenant, now=self.context.now(), puts=[put])
            except StoreConflictError:
                found = documents.get(self.tenant, KIND, self.document.id)
                if found is None:
                    raise _StoppedError("It is gone") from None
                self.document = found
                continue
            self.document = replace(put, version=put.version + 1)
            return


def _body(planned: Plan, wanted: Wanted, by: str, at: str) -> dict[str, Any]:
    return {
        "wanted": asdict(wanted),
        "assessment": planned.assessment.name,
        "status": "IN_PROGRESS",
        "why": "",
        "stop": False,
        "requestedBy": by,
        "requestedAt": at,
        "endedAt": "",
        "requests": planned.requests,
        "mostTokens": planned.most_tokens,
        "mostCost": "" if planned.most_cost is None else f"{planned.most_cost:.4f}",
        "asked": 0,
        **dict.fromkeys(_VERDICTS, 0),
        "tokens": 0,
        "cost": "",
        "runId": "",
    }


def _change(document: Document) -> Change:
    wanted = document.body["wanted"]
    return Change(
        action="CREATE",
        object_type="PROMPT_RUN",
        object_id=document.id,
        object_name=f"{wanted['suite']}: {wanted['model']}",
        assessment_id=document.parent,
        details={**wanted, "mostTokens": document.body["mostTokens"]},
    )
