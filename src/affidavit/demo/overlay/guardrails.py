"""Bedrock guardrails, with drafts and versions, and the guardrails that an account enforces."""

from typing import Any

from affidavit.demo.overlay.registry import Answer, AwsError, Call, Paging, answers
from affidavit.demo.schema_region import Guardrail
from affidavit.demo.world import Place

_DRAFT = "DRAFT"
_PAGES = Paging("nextToken", "maxResults", 3)
_RELEVANCE = 0.6
_ATTACK = "PROMPT_ATTACK"


def guardrail_id(place: Place, name: str) -> str:
    """Return the id of the guardrail with this name."""
    return place.names.lower(12, *place.id("guardrail", name))


def guardrail_arn(place: Place, name: str) -> str:
    """Return the ARN of the guardrail with this name."""
    return place.arn("bedrock", f"guardrail/{guardrail_id(place, name)}")


def _one(call: Call) -> Guardrail:
    wanted = call.need("guardrailIdentifier")
    for each in call.place.region.bedrock.guardrails:
        if wanted in {guardrail_id(call.place, each.name), guardrail_arn(call.place, each.name)}:
            return each
    raise AwsError("ResourceNotFoundException", f"Guardrail {wanted} could not be found.", 404)


def _summary(place: Place, guardrail: Guardrail, version: str) -> Answer:
    return {
        "id": guardrail_id(place, guardrail.name),
        "arn": guardrail_arn(place, guardrail.name),
        "status": "READY",
        "name": guardrail.name,
        "version": version,
        "createdAt": place.ago(guardrail.age),
        "updatedAt": place.ago(guardrail.age / 2),
    }


@answers("bedrock", "ListGuardrails", honours=["guardrailIdentifier"], paging=_PAGES)
def list_guardrails(call: Call) -> Answer:
    """Answer with the drafts, or with all versions of one guardrail when its id is given."""
    place = call.place
    if call.get("guardrailIdentifier") is None:
        drafts = place.region.bedrock.guardrails
        return {"guardrails": [_summary(place, each, _DRAFT) for each in drafts]}
    one = _one(call)
    versions = [_DRAFT, *(str(number) for number in range(1, one.versions + 1))]
    return {"guardrails": [_summary(place, one, version) for version in versions]}


@answers("bedrock", "GetGuardrail", honours=["guardrailIdentifier", "guardrailVersion"])
def get_guardrail(call: Call) -> Answer:
    """Answer with a version of a guardrail, its draft when none is named."""
    place, one = call.place, _one(call)
    version = call.get("guardrailVersion", _DRAFT)
    if version != _DRAFT and version not in {str(n) for n in range(1, one.versions + 1)}:
        raise AwsError("ResourceNotFoundException", f"Version {version} could not be found.", 404)
    summary = _summary(place, one, version)
    answer: dict[str, Any] = {
        "guardrailId": summary.pop("id"),
        "guardrailArn": summary.pop("arn"),
        **summary,
        "blockedInputMessaging": "This request cannot be answered.",
        "blockedOutputsMessaging": "This answer was withheld.",
        **_policies(one),
    }
    if one.key:
        answer["kmsKeyArn"] = place.key_arn(one.key)
    return answer


def _policies(one: Guardrail) -> Answer:
    policies: Answer = {}
    if one.filters:
        policies["contentPolicy"] = {
            "filters": [
                {
                    "type": category,
                    "inputStrength": strength,
                    "outputStrength": "NONE" if category == _ATTACK else strength,
                    "inputAction": "BLOCK",
                    "outputAction": "BLOCK",
                    "inputEnabled": True,
                    "outputEnabled": True,
                }
                for category, strength in one.filters.items()
            ]
        }
    if one.topics:
        policies["topicPolicy"] = {
            "topics": [
                {"name": name, "definition": f"Requests about {name}.", "type": "DENY"}
                for name in one.topics
            ]
        }
    if one.profanity:
        policies["wordPolicy"] = {"managedWordLists": [{"type": "PROFANITY"}]}
    if one.pii:
        entities = [{"type": kind, "action": action} for kind, action in one.pii.items()]
        policies["sensitiveInformationPolicy"] = {"piiEntities": entities}
    if one.grounding is not None:
        filters = [("GROUNDING", one.grounding), ("RELEVANCE", _RELEVANCE)]
        policies["contextualGroundingPolicy"] = {
            "filters": [{"type": kind, "threshold": least} for kind, least in filters]
        }
    return policies


def newest_version(place: Place, name: str) -> str:
    """Return the newest numbered version of a guardrail of this place, else DRAFT."""
    versions = {one.name: one.versions for one in place.region.bedrock.guardrails}[name]
    return str(versions) if versions else _DRAFT


@answers(
    "bedrock",
    "ListEnforcedGuardrailsConfiguration",
    paging=Paging("nextToken", "maxResults", 10),
)
def list_enforced(call: Call) -> Answer:
    """Answer with the guardrails that the account enforces on every invocation."""
    place = call.place
    return {
        "guardrailsConfig": [
            {
                "configId": place.names.lower(12, *place.id("enforced", name)),
                "guardrailArn": guardrail_arn(place, name),
                "guardrailId": guardrail_id(place, name),
                "guardrailVersion": newest_version(place, name),
                "inputTags": "IGNORE",
                "owner": "ACCOUNT",
                "createdAt": place.ago(60),
                "updatedAt": place.ago(60),
            }
            for name in place.region.bedrock.enforced
        ]
    }
