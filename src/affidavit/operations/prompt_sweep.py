"""All suites against the models that a run names, before it collects: their results are fresh."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from affidavit.aws.bedrock import Runtime
from affidavit.aws.clients import CONNECTIONS
from affidavit.aws.door import Door
from affidavit.aws.settings import AwsSettings
from affidavit.model.catalogue import Catalogue
from affidavit.model.run import Assessment
from affidavit.operations.prompt_enforced import by_door
from affidavit.operations.prompt_runs import PromptOutcome, PromptRequest, run_in
from affidavit.prompts.runner import RunSettings
from affidavit.prompts.suite import load, shipped
from affidavit.prompts.targets import BedrockTarget
from affidavit.settings import Settings
from affidavit.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelToAsk:
    """A model of one account and Region, and the suites that it is asked."""

    model_id: str
    account_id: str
    region: str
    guardrail_id: str = ""
    """Empty: without a guardrail."""
    guardrail_version: str = ""
    suites: tuple[str, ...] = ()
    """Ids of shipped suites; empty: all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """How far a model is: printed while it runs."""

    model: ModelToAsk
    suite: str
    done: int
    """Cases, of `total`."""
    total: int


@dataclass(slots=True, kw_only=True)
class Sweep:
    """Runs suites for one assessment of an open store."""

    store: Store
    assessment: Assessment
    aws: AwsSettings
    door: Door
    settings: Settings
    catalogue: Catalogue
    on_swept: Callable[[Swept], None] = lambda _swept: None

    def run(self, models: Sequence[ModelToAsk]) -> Iterator[PromptOutcome]:
        """Yield the outcome of each suite against each model; each is kept when it is yielded."""
        for model in models:
            yield from self._model(model)

    def _model(self, model: ModelToAsk) -> Iterator[PromptOutcome]:
        caller_arn = self.door.enter(model.account_id).arn
        suites = [load(name) for name in model.suites or shipped()]
        total, done = sum(len(suite.cases) for suite in suites), 0
        with Runtime(self.aws, account_id=model.account_id, region=model.region) as runtime:
            target = BedrockTarget(runtime, model.model_id)
            for suite in suites:
                request = PromptRequest(
                    suite=suite,
                    target=target,
                    model_id=model.model_id,
                    how=RunSettings(
                        concurrency=min(CONNECTIONS, self.aws.concurrency),
                        requests_per_second=self.aws.requests_per_second,
                        guardrail_id=model.guardrail_id,
                        guardrail_version=model.guardrail_version,
                    ),
                    assessment=self.assessment.name,
                    account_id=model.account_id,
                    caller_arn=caller_arn,
                    region=model.region,
                    enforced=by_door(self.door, self.catalogue, model.account_id, model.region),
                )
                yield run_in(self.store, self.assessment, request, self.settings)
                done += len(suite.cases)
                self.on_swept(Swept(model=model, suite=suite.id, done=done, total=total))
