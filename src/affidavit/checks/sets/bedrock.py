"""Records of Bedrock: the account, agents, custom models, jobs, tagged things, data sources."""

from collections.abc import Iterator

from affidavit.checks.drafts import View
from affidavit.checks.places import Record, RecordSet
from affidavit.checks.sets.guardrails import draft_gaps

TYPES = {
    "custom_model": "AWS::Bedrock::CustomModel",
    "customization_job": "AWS::Bedrock::ModelCustomizationJob",
    "guardrail": "AWS::Bedrock::Guardrail",
}
"""Resource type of a tagged thing by its kind."""


def account(view: View) -> RecordSet:
    """Return the one record of the account in this place; checks on it read acct alone."""
    arn = f"arn:{view.partition}:iam::{view.account_id}:root"
    return view.finish([view.draft().record(arn)])


def agent(view: View) -> RecordSet:
    """Return the agents; those being deleted are told apart by the check."""
    return view.finish(_agents(view), view.gaps("ListAgents"))


def _agents(view: View) -> Iterator[Record]:
    for found in view.items("ListAgents"):
        draft = view.of(found)
        draft.attributes |= {
            "name": found.value.get("agentName"),
            "status": found.value.get("agentStatus"),
        }
        yield draft.record(view.arn("bedrock", f"agent/{found.value['agentId']}"))


def custom_model(view: View) -> RecordSet:
    """Return the custom models that the account owns."""
    return view.finish(_custom_models(view), view.gaps("ListCustomModels"))


def _custom_models(view: View) -> Iterator[Record]:
    for found in view.readable(view.scope.custom_models(view.region)):
        arn = found.value["modelArn"]
        draft = view.of(found)
        draft.join_ones(view.region, {"modelIdentifier": arn})
        draft.attributes |= {
            "name": found.value.get("modelName"),
            "base": found.value.get("baseModelArn"),
        }
        yield draft.record(arn)


def customization_job(view: View) -> RecordSet:
    """Return the completed customisation jobs of the last year."""
    return view.finish(_jobs(view), view.gaps("ListModelCustomizationJobs"))


def _jobs(view: View) -> Iterator[Record]:
    for found in view.readable(view.scope.jobs(view.region)):
        arn = found.value["jobArn"]
        draft = view.of(found)
        draft.join_ones(view.region, {"jobIdentifier": arn})
        draft.attributes |= {
            "name": found.value.get("jobName"),
            "created": found.value["creationTime"],
        }
        yield draft.record(arn)


def tagged(view: View) -> RecordSet:
    """Return the custom models, customisation jobs and guardrails, each with its tags."""
    gaps = view.gaps("ListCustomModels", "ListModelCustomizationJobs")
    return view.finish(_tagged(view), (*gaps, *draft_gaps(view)))


def _tagged(view: View) -> Iterator[Record]:
    for one in view.scope.tagged(view.region):
        draft = view.draft()
        draft.values["fact"] = {"arn": one.arn, "kind": one.kind}
        draft.cite_found([one.found])
        draft.join_ones(view.region, {"resourceARN": one.arn})
        draft.attributes |= {"kind": one.kind}
        yield draft.record(one.arn, TYPES[one.kind])


def data_source(view: View) -> RecordSet:
    """Return the data sources of all knowledge bases."""
    return view.finish(_data_sources(view), view.gaps("ListKnowledgeBases", "ListDataSources"))


def _data_sources(view: View) -> Iterator[Record]:
    for found in view.items("ListDataSources"):
        base, source = found.value["knowledgeBaseId"], found.value["dataSourceId"]
        draft = view.of(found)
        draft.join_ones(view.region, {"knowledgeBaseId": base, "dataSourceId": source})
        draft.attributes |= {"name": found.value.get("name"), "knowledgeBase": base}
        arn = view.arn("bedrock", f"knowledge-base/{base}")
        yield draft.record(f"{arn}/data-source/{source}")
