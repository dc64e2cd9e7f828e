"""Asking a model all prompts of a suite for a tenant, by its bound roles: for the server."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from affidavit.aws.bedrock import Runtime
from affidavit.aws.door import Door
from affidavit.operations.context import Context
from affidavit.operations.prompt_aids import Aids
from affidavit.operations.prompt_enforced import by_settings
from affidavit.operations.prompt_runs import PromptOutcome, PromptRequest, run_in
from affidavit.operations.tenant_bindings import aws_of
from affidavit.prompts.assertion_kinds import Instruments
from affidavit.prompts.assertions import Checker
from affidavit.prompts.runner import RunSettings
from affidavit.prompts.suite import Suite
from affidavit.prompts.targets import BedrockTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What is asked, of which model, where, and for which assessment."""

    tenant: str
    suite: Suite
    model: str
    account_id: str
    region: str
    assessment_id: str = ""
    """Empty: the run is not kept as evidence."""
    how: RunSettings = field(default_factory=RunSettings)
    occasion: str = ""
    """As `PromptRequest.occasion`."""
    aids: Aids = field(default_factory=Aids)


def ask(
    context: Context,
    asking: Asking,
    on_result: Callable[[Mapping[str, Any]], None] = lambda _result: None,
) -> PromptOutcome:
    """Ask all cases; a run that is kept stands under a signed checkpoint when this returns."""
    instruments = Instruments(
        detectors=asking.aids.detectors(), meaning=asking.aids.sentence_model()
    )
    aws = aws_of(context, asking.tenant)
    with Door(aws) as door:
        identity = door.enter(asking.account_id)
    found = context.store.assessment(asking.assessment_id) if asking.assessment_id else None
    with Runtime(aws, account_id=asking.account_id, region=asking.region) as runtime:
        request = PromptRequest(
            suite=asking.suite,
            target=BedrockTarget(runtime, asking.model),
            model_id=asking.model,
            how=asking.how,
            assessment=found.name if found else "",
            account_id=asking.account_id,
            caller_arn=identity.arn,
            region=asking.region,
            occasion=asking.occasion,
            checker=Checker(instruments=instruments),
            scorers=", ".join(asking.aids.named),
            enforced=by_settings(aws, context.catalogue, asking.account_id, asking.region),
        )
        outcome = run_in(context.store, found, request, context.settings, on_result)
    if found:
        context.store.sign_checkpoint(found.tenant)
    return outcome
