"""Runs of prompts as the store keeps them, and as answers that a collection takes over.

Each case becomes one observation, so that evidence cites what was asked and answered. Its proof is
of the moment in which the collection read the run; how and when it was asked stands in the body's
`proof`, and the body's `run.casesDigest` in the leaf that the log got when the run was kept.

No evidence of a model is a run that asked none (recorded answers), nor one of a file that took the
id of a shipped suite or of one that the tenant keeps, nor of an earlier version of that: all are
kept and shown, and never taken over.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from affidavit import __version__
from affidavit.checks.guardrail_names import named
from affidavit.model.catalogue import Catalogue
from affidavit.model.framework import SourceType
from affidavit.model.observation import Observation, Proof, Unit
from affidavit.model.run import Assessment
from affidavit.model.times import parse
from affidavit.prompts.suite import load, shipped
from affidavit.prompts.targets_recorded import RECORDED
from affidavit.store import Store

KIND: Final = "prompt_run"
SUITE: Final = "prompt_suite"
"""Kind of the documents that are versions of the tenant's own suites (`operations.own_suites`)."""
OPERATION: Final = "Converse"
LEAST_TOKENS: Final = 100
"""Output tokens that a run must have granted each answer."""
TOOL: Final = f"affidavit {__version__} (taken over from a run of prompts)"


def taken_over(
    store: Store, catalogue: Catalogue, assessment: Assessment, account_id: str, now: datetime
) -> dict[str, Observation]:
    """Return the cases of the newest runs of an account, by unit id; none that are too old.

    Newest of each suite, model, guardrail with its version, and Region, of those that AWS answered
    and of those that a stand-in did. How old a run may be, the catalogue says.
    """
    ages = oldest_allowed(catalogue, assessment.parameters)
    every = store.documents.every(assessment.tenant, SUITE)
    newest = {one.parent: str(one.body["digest"]) for one in every}
    found: dict[tuple[str, ...], Mapping[str, Any]] = {}
    for document in store.documents.every(
        assessment.tenant, KIND, parent=assessment.id, newest_first=True
    ):
        run = document.body["run"]
        if run["accountId"] != account_id or run["suite"] not in ages:
            continue
        if not _is_evidence(run, newest):
            continue
        age = now - _oldest(run, document.body["cases"])
        if parse(run["finishedAt"]) <= now and age <= timedelta(days=ages[run["suite"]]):
            guardrail = named(run["guardrailId"], run["guardrailVersion"])
            # What a stand-in answered hides nothing that AWS did.
            answered = "stand-in" if run["synthetic"] else "AWS"
            key = (run["suite"], run["modelId"], *guardrail, run["region"], answered)
            found.setdefault(key, document.body)
    answers = (one for body in found.values() for one in observations(body, now))
    return {one.unit.id: one for one in answers}


def _oldest(run: Mapping[str, Any], cases: Sequence[Mapping[str, Any]]) -> datetime:
    """Return when the first of a run's answers came: a killed run may be resumed long after."""
    times = [run["finishedAt"], *(case.get("answeredAt") for case in cases)]
    return min(parse(time) for time in times if time)


def _is_evidence(run: Mapping[str, Any], newest: Mapping[str, str]) -> bool:
    """Tell whether a model was asked, and, by the id of a known suite, that very suite.

    `newest`: the digest of the newest version of each suite that the tenant keeps.

    Answers that were cut off after a few words hold nothing that must not be there.
    """
    if run["target"].startswith(RECORDED):
        return False
    sent = run["parameters"]
    if int(sent.get("max_tokens", LEAST_TOKENS)) < LEAST_TOKENS or "stop_sequences" in sent:
        return False
    suite = run["suite"]
    known = load(suite).digest if suite in shipped() else newest.get(suite, run["suiteDigest"])
    return bool(run["suiteDigest"] == known)


def is_taken_over(unit: Unit) -> bool:
    """Return whether a question is a case of a run of prompts."""
    return "promptRun" in unit.parameters


def oldest_allowed(catalogue: Catalogue, own: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Return the days that a run may be old, by suite: the most that any control allows."""
    ages: dict[str, int] = {}
    for control in catalogue.framework.controls():
        for source in control.sources:
            if source.type is not SourceType.PROMPT_CHECK or source.check not in catalogue.checks:
                continue
            check = catalogue.checks[source.check]
            params = {**check.params, **source.params, **own.get(check.id, {})}
            days = int(params.get("max_age_days", 7))
            ages[params["suite"]] = max(ages.get(params["suite"], 0), days)
    return ages


def observations(body: Mapping[str, Any], now: datetime) -> Iterator[Observation]:
    """Yield an observation for each case of a kept run that AWS, or who stood for it, answered."""
    run = body["run"]
    for case in body["cases"]:
        answer = case["answer"]
        if not answer.get("endpoint") and not run["synthetic"]:
            continue  # never reached AWS: it counts as missing (`run.cases` says how many)
        if not answer:
            continue  # never asked: as above
        yield Observation(
            unit=Unit(
                key=OPERATION,
                account_id=run["accountId"],
                region=run["region"],
                parameters={
                    "modelId": run["modelId"],
                    "guardrailId": run["guardrailId"],
                    "guardrailVersion": run["guardrailVersion"],
                    "suite": run["suite"],
                    "promptRun": run["runId"],
                    "case": case["case"],
                },
            ),
            service="bedrock-runtime",
            operation=answer.get("api") or OPERATION,
            absent="",
            body={"run": dict(run), "result": dict(case), "proof": _proof(run, case)},
            proof=Proof(
                endpoint=answer.get("endpoint", ""),
                synthetic=run["synthetic"],
                caller_arn=run["callerArn"],
                request_ids=(answer.get("requestId", ""),),
                pages=1,
                attempts=answer.get("attempts", 0),
                started_at=now,
                finished_at=now,
                tool=TOOL,
            ),
        )


def _proof(run: Mapping[str, Any], case: Mapping[str, Any]) -> dict[str, Any]:
    """Return how the case itself was asked, at that time."""
    answer = case["answer"]
    return {
        "endpoint": answer.get("endpoint", ""),
        "synthetic": answer.get("synthetic", run["synthetic"]),
        "callerArn": run["callerArn"],
        "requestId": answer.get("requestId", ""),
        "attempts": answer.get("attempts", 0),
        "startedAt": case.get("askedAt", ""),
        "finishedAt": case.get("answeredAt", run["finishedAt"]),
        "tool": run.get("tool", ""),
    }
