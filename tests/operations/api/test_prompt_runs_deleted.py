"""Runs of prompts go with their assessment: their answers are masked, but they are people's."""

from typing import Any

from affidavit.operations import prompt_raw, prompt_runs
from affidavit.prompts.answers import Answer
from affidavit.prompts.recorded_runs import KIND
from affidavit.prompts.runner import RunSettings
from affidavit.prompts.suite import load
from affidavit.prompts.target import Request


class Says:
    """A target that says the same to everything."""

    id = "test:model"

    def ask(self, request: Request) -> Answer:
        """Return the one answer."""
        assert request.prompt
        return Answer(text="I can't help with that.", endpoint="http://127.0.0.1:1", synthetic=True)


def test_runs_and_raw_answers_go_with_their_assessment(owner: Any, an_assessment: Any) -> None:
    """After DeleteAssessment neither a run nor a sealed answer of it is left; the leaf is."""
    made = an_assessment()["metadata"]["id"]
    store, tenant = owner.context.store, owner.caller.tenant
    found = store.assessment(made)
    request = prompt_runs.PromptRequest(
        suite=load("denied-topics"),
        target=Says(),
        model_id="model",
        how=RunSettings(requests_per_second=10_000),
        assessment=found.name,
        account_id=found.estate.accounts[0],
        region=found.tenant.split("/")[1],
        keep_raw=True,
    )
    outcome = prompt_runs.run_in(store, found, request, owner.context.settings)
    kept = [store.documents.every(tenant, kind, parent=made) for kind in (KIND, prompt_raw.KIND)]
    assert [len(documents) for documents in kept] == [1, len(outcome.results)]
    owner("DeleteAssessment", assessmentId=made)
    assert not store.documents.every(tenant, KIND)
    assert not store.documents.every(tenant, prompt_raw.KIND)
    records = store.records_between(tenant, 0, store.log(tenant).size - 1)
    assert outcome.head["runId"] in {record.get("object_id") for _, record in records}
