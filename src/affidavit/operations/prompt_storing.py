"""Runs of prompts as the store keeps them: a document, and at once a leaf of the ledger."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from affidavit.model.canonical import digest, plain_json
from affidavit.model.identifiers import new_id
from affidavit.model.run import Assessment
from affidavit.model.times import iso, utc_now
from affidavit.prompts import results as counted
from affidavit.prompts.recorded_runs import KIND
from affidavit.store import Store
from affidavit.store.documents import Document

_SAME: Final = (
    "suite", "modelId", "guardrailId", "guardrailVersion", "accountId", "region",
)  # fmt: skip
"""What two runs have in common that are compared."""
Results = Sequence[Mapping[str, Any]]


def cases_digest(done: Results) -> str:
    """Return the digest of all results of a run, as its leaf and its observations have it."""
    return digest(plain_json(list(done)))


def keep(
    store: Store,
    found: Assessment,
    head: Mapping[str, Any],
    done: list[dict[str, Any]],
    made: Mapping[str, Any],
    sealed: Sequence[Document] = (),
) -> None:
    """Keep a run and append its leaf, in one transaction; what is kept already stays as it is.

    The leaf says when the run was kept and commits to every result of it, long before a collection
    takes the run over. `more` stands beside `run` and `cases` in the document.
    """
    if store.documents.get(found.tenant, KIND, head["runId"]) is not None:
        return  # killed after it was kept and before its journal was removed
    now = utc_now()
    tally = counted.tally(done)
    document = Document(
        kind=KIND,
        id=head["runId"],
        parent=found.id,
        sort=head["finishedAt"],
        body={"run": dict(head), "cases": done, "metrics": dict(made)},
    )
    said = (*_SAME, "suiteDigest", "synthetic")
    details = {
        **{name: head[name] for name in said},
        "casesDigest": head["casesDigest"],
        "cases": tally.cases,
        "passed": tally.passed,
        "failed": tally.failed,
        "undecided": tally.errors,
    }
    leaf = {
        "kind": "change",
        "id": new_id(now),
        "time": iso(now),
        "by": head["callerArn"],
        "action": "CREATE",
        "object_type": "PROMPT_RUN",
        "object_id": head["runId"],
        "object_name": f"{head['suite']} against {head['modelId']}",
        "assessment_id": found.id,
        "control_set_id": "",
        "tenant": found.tenant,
        "details": plain_json(details).decode(),
    }
    store.documents.act(found.tenant, now=now, puts=[document, *sealed], changes=[leaf])


def previous(store: Store, found: Assessment, head: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the newest run of the same suite, model, guardrail and place, or none."""
    for document in store.documents.every(found.tenant, KIND, parent=found.id, newest_first=True):
        if all(document.body["run"][name] == head[name] for name in _SAME):
            return document.body
    return None


def of_suite(store: Store, found: Assessment, suite: str) -> list[Mapping[str, Any]]:
    """Return the kept runs of a suite in an assessment, the newest first."""
    every = store.documents.every(found.tenant, KIND, parent=found.id, newest_first=True)
    return [one.body for one in every if one.body["run"]["suite"] == suite]
