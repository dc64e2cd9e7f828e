"""The models of the estate as they answer prompts, and with which guardrails they are to be asked.

A model whose calls all name a guardrail is asked through it; where some calls name none, or nothing
is logged, it is asked without one only, as a careless owner would: of the calls with a guardrail
such a run says nothing, and the report has the gap.
"""

from collections.abc import Iterator

from affidavit.demo.bedrock.answering import Speakers
from affidavit.demo.bedrock.guardrails import GUARDRAIL_ID
from affidavit.demo.overlay.bedrock import provisioned_arn
from affidavit.demo.overlay.guardrails import guardrail_id, newest_version
from affidavit.demo.process import Prompted
from affidavit.demo.world import Place, World


def prompted(world: World) -> Iterator[Prompted]:
    """Yield each model in use with the guardrail that it is asked through, account by account."""
    for account in world.accounts.values():
        for region in world.estate.regions.enabled:
            place = world.place(account.id, region)
            identifier, version = _guardrail(place)
            for model in _models(place):
                yield Prompted(
                    account_id=account.id,
                    region=region,
                    model_id=model,
                    guardrail_id=identifier,
                    guardrail_version=version,
                )


def _models(place: Place) -> Iterator[str]:
    bedrock = place.region.bedrock
    yield from (one.model for one in bedrock.models_in_use)
    yield from (provisioned_arn(place, one.name) for one in bedrock.provisioned if one.invocations)


def _guardrail(place: Place) -> tuple[str, str]:
    """Return the guardrail of a Region's calls, as `invocation_logs` writes them, or none."""
    bedrock = place.region.bedrock
    first = next(iter(bedrock.guardrails), None)
    if first is None or bedrock.logging is None or bedrock.logging.traffic.unguarded:
        return "", ""
    return guardrail_id(place, first.name), newest_version(place, first.name)


def speakers_of(world: World, account_id: str) -> Speakers:
    """Return who answers for the models of an account."""
    aliases: dict[str, str] = {}
    guardrails = {GUARDRAIL_ID: True}
    for region in world.estate.regions.enabled:
        place = world.place(account_id, region)
        bases = {job.model: job.base for job in place.region.bedrock.customization_jobs}
        for one in place.region.bedrock.provisioned:
            aliases[provisioned_arn(place, one.name)] = bases[one.model]
        for guardrail in place.region.bedrock.guardrails:
            guardrails[guardrail_id(place, guardrail.name)] = guardrail.profanity
    return Speakers(
        seed=world.seed,
        behaviour=world.accounts[account_id].models,
        aliases=aliases,
        guardrails=guardrails,
    )
