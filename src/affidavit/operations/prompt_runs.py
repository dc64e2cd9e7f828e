"""Runs of prompts: asked, checked, kept with a leaf of the ledger, compared with the last."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from affidavit import __version__
from affidavit.errors import CollectError, UsageError
from affidavit.model.identifiers import new_id
from affidavit.model.run import Assessment
from affidavit.model.times import iso, utc_now
from affidavit.operations import prompt_raw, prompt_storing
from affidavit.operations.prompt_enforced import Enforced, nobody_asked
from affidavit.operations.renamed import assessment_named
from affidavit.prompts import results as counted
from affidavit.prompts.answers import Answer
from affidavit.prompts.assertions import Checker
from affidavit.prompts.journal import Journal
from affidavit.prompts.metrics import in_words, metrics
from affidavit.prompts.runner import Runner, RunSettings
from affidavit.prompts.suite import Case, Suite
from affidavit.prompts.target import Target
from affidavit.settings import Settings
from affidavit.store import Store, open_store

WORKSHOP: Final = "prompts"
"""Folder of the journals, in the home folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRequest:
    """What is run, where, and for which assessment."""

    suite: Suite
    target: Target
    model_id: str
    how: RunSettings = field(default_factory=RunSettings)
    assessment: str = ""
    """Its name; empty: the result is printed and not kept."""
    account_id: str = ""
    caller_arn: str = ""
    """Who asked, of that account, as sts:GetCallerIdentity says."""
    region: str = ""
    """Empty: the assessment's own."""
    checker: Checker = field(default_factory=Checker)
    """With the target's blocked messages, and with online scorers where they are wanted."""
    scorers: str = ""
    """Who is asked besides the target (the judge, guardrails), in words: a run with others is
    another run."""
    enforced: Enforced = nobody_asked
    """Asks which guardrails the account enforces; asked for runs that are kept only."""
    keep_raw: bool = False
    """Keep raw answers too, sealed under the tenant's key; needs an assessment."""
    occasion: str = ""
    """The time of a canary: what was asked for another one is not gone on with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptOutcome:
    """What a run came to."""

    head: Mapping[str, Any]
    results: Sequence[Mapping[str, Any]]
    metrics: Mapping[str, Any]
    """See `affidavit.prompts.metrics`."""
    stored: bool

    @property
    def fails(self) -> bool:
        """Tell whether any case did not pass, or groups are further apart than may be."""
        if any(result["verdict"] != counted.PASSED for result in self.results):
            return True
        if self.head["kind"] != "parity":
            return False
        gap = counted.parity_gap(counted.parity(self.results))
        return gap is None or gap > counted.MAX_GAP

    def in_short(self) -> dict[str, Any]:
        """Return what a run of everything says of it."""
        named = (
            "runId", "suite", "modelId", "guardrailId", "guardrailVersion", "accountId", "region",
            "synthetic",
        )  # fmt: skip
        return {
            **{name: self.head[name] for name in named},
            "total": counted.tally(self.results).to_json(),
            "parityGap": counted.parity_gap(counted.parity(self.results)),
        }

    def to_json(self) -> dict[str, Any]:
        """Return it for `--json`."""
        return {
            **self.head,
            "total": counted.tally(self.results).to_json(),
            "families": {f: t.to_json() for f, t in counted.by_family(self.results).items()},
            "parityGap": counted.parity_gap(counted.parity(self.results)),
            "metrics": dict(self.metrics),
            "stored": self.stored,
            "cases": list(self.results),
        }


OnResult = Callable[[dict[str, Any]], None]


def run(
    request: PromptRequest, settings: Settings, on_result: OnResult = lambda _result: None
) -> PromptOutcome:
    """Run a suite; resumes what a killed run of the same suite, model and settings left.

    A kept run is in the ledger, under a signed checkpoint, when this returns. Raises `UsageError`
    for an assessment that is not there or not of that account.
    """
    if request.keep_raw and not request.assessment:
        raise UsageError(
            "Raw answers are kept with an assessment only",
            why="They are sealed under its tenant's key.",
            todo="Name one with --assessment.",
        )
    with open_store(settings) as store:
        found = assessment_named(store, request.assessment) if request.assessment else None
        outcome = run_in(store, found, request, settings, on_result)
        if found:
            store.sign_checkpoint(found.tenant)
            store.publish(found.tenant)
    return outcome


def run_in(
    store: Store,
    found: Assessment | None,
    request: PromptRequest,
    settings: Settings,
    on_result: OnResult = lambda _result: None,
) -> PromptOutcome:
    """Run a suite for an assessment of an open store; whoever calls signs the next checkpoint."""
    head = _head(request, found)
    if found:
        # Part of what makes the run what it is: what was asked under others is not gone on with.
        head["enforced"] = dict(request.enforced())
    with Journal(settings.home / WORKSHOP, head, new_id(utc_now())) as journal:
        runner = Runner(
            suite=request.suite,
            target=request.target,
            settings=request.how,
            journal=journal,
            checker=request.checker,
            on_result=on_result,
            seal=_seal(store, found, journal) if found and request.keep_raw else None,
        )
        done = runner.run()
        sealed = prompt_raw.moved_out(head["assessmentId"], journal.run_id, done)
        before = prompt_storing.previous(store, found, head) if found else None
        made = metrics(done, before, request.suite.digest)
        full = {
            **head,
            **(_still(head["enforced"], request) if found else {}),
            "runId": journal.run_id,
            "finishedAt": iso(utc_now()),
            "cases": len(done),
            "stopped": "budget" if counted.tally(done).not_asked else "",
            "tokens": runner.spent,
            "cost": round(runner.cost, 6),
            "synthetic": _synthetic(done),
            "casesDigest": prompt_storing.cases_digest(done),
            "summary": in_words(done, made),
            "tool": f"affidavit {__version__}",
        }
        if found:
            prompt_storing.keep(store, found, full, done, made, sealed)
        journal.finish()
    return PromptOutcome(head=full, results=done, metrics=made, stored=found is not None)


def _still(before: Mapping[str, Any], request: PromptRequest) -> dict[str, Any]:
    """Return what was enforced all the while; not known where it changed meanwhile.

    Where the account can no longer be asked, that is all that is lost: the answers are kept.
    """
    try:
        after = dict(request.enforced())
    except CollectError as error:
        return {"enforced": {"unknown": f"after the run it could not be asked: {error.in_a_line}"}}
    changed = {"unknown": "it was changed while the run was made"}
    return {"enforced": before if before == after else changed}


def _seal(store: Store, found: Assessment, journal: Journal) -> Callable[[str, Case, Answer], str]:
    def seal(key: str, case: Case, answer: Answer) -> str:
        name = prompt_raw.about(journal.run_id, key)
        return prompt_raw.sealed_case(store, found.tenant, name, case, answer)

    return seal


def _head(request: PromptRequest, found: Assessment | None) -> dict[str, Any]:
    """Return what makes the run what it is: a journal of the same is resumed."""
    return {
        "suite": request.suite.id,
        "suiteDigest": request.suite.digest,
        "shipped": request.suite.shipped,
        "kind": request.suite.kind,
        "target": request.target.id,
        "modelId": request.model_id,
        "guardrailId": request.how.guardrail_id,
        "guardrailVersion": request.how.guardrail_version,
        "parameters": {k: repr(v) for k, v in sorted(request.how.parameters.items())},
        "repeat": request.how.repeat,
        "stream": request.how.stream,
        "scorers": request.scorers,
        "blockedMessages": sorted(request.checker.instruments.blocked_messages),
        "raw": request.keep_raw,
        **({"occasion": request.occasion} if request.occasion else {}),
        "assessmentId": found.id if found else "",
        **_place(request, found),
        "callerArn": request.caller_arn,
    }


def _place(request: PromptRequest, found: Assessment | None) -> dict[str, str]:
    own_account, own_region = found.tenant.split("/") if found else ("", "")
    account_id, region = request.account_id or own_account, request.region or own_region
    if found and (
        account_id not in found.estate.accounts or region not in found.estate.regions_of(account_id)
    ):
        raise UsageError(
            f"The assessment does not cover account {account_id} in {region}",
            todo="Name a Region that it covers, with credentials of one of its accounts.",
        )
    return {"accountId": account_id, "region": region}


def _synthetic(done: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether anybody but AWS answered, or nobody at all."""
    answered = [r["answer"] for r in done if r["answer"].get("endpoint")]
    return not answered or any(answer["synthetic"] for answer in answered)
