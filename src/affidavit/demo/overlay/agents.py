"""Bedrock agents, knowledge bases, data sources and ingestion jobs."""

from typing import Any

from affidavit.demo.overlay.bedrock import found
from affidavit.demo.overlay.guardrails import guardrail_id, newest_version
from affidavit.demo.overlay.registry import Answer, Call, Paging, answers
from affidavit.demo.schema_region import DataSource, KnowledgeBase
from affidavit.demo.world import Place

_PAGES = Paging("nextToken", "maxResults", 3)
_DOCUMENTS = 640
_MINUTES = 1 / 1440


def _base_id(place: Place, name: str) -> str:
    return place.names.upper(10, *place.id("knowledge base", name))


def _source_id(place: Place, base: str, name: str) -> str:
    return place.names.upper(10, *place.id("data source", base, name))


def _base(call: Call) -> KnowledgeBase:
    wanted = call.need("knowledgeBaseId")
    bases = call.place.region.bedrock.knowledge_bases
    what = f"Knowledge base {wanted}"
    return found(bases, lambda each: wanted == _base_id(call.place, each.name), what)


def _source(call: Call, base: KnowledgeBase) -> DataSource:
    wanted = call.need("dataSourceId")
    what = f"Data source {wanted}"
    return found(
        base.data_sources,
        lambda each: wanted == _source_id(call.place, base.name, each.name),
        what,
    )


@answers("bedrock-agent", "ListAgents", paging=_PAGES)
def list_agents(call: Call) -> Answer:
    """Answer with the agents and the guardrails that they name."""
    place = call.place
    summaries = []
    for agent in place.region.bedrock.agents:
        summary: dict[str, Any] = {
            "agentId": place.names.upper(10, *place.id("agent", agent.name)),
            "agentName": agent.name,
            "agentStatus": "PREPARED",
            "updatedAt": place.ago(agent.age),
            "latestAgentVersion": "2",
        }
        if agent.guardrail:
            summary["guardrailConfiguration"] = {
                "guardrailIdentifier": guardrail_id(place, agent.guardrail),
                "guardrailVersion": agent.guardrail_version
                or newest_version(place, agent.guardrail),
            }
        summaries.append(summary)
    return {"agentSummaries": summaries}


@answers("bedrock-agent", "ListKnowledgeBases", paging=_PAGES)
def list_knowledge_bases(call: Call) -> Answer:
    """Answer with the knowledge bases."""
    place = call.place
    return {
        "knowledgeBaseSummaries": [
            {
                "knowledgeBaseId": _base_id(place, base.name),
                "name": base.name,
                "status": "ACTIVE",
                "updatedAt": place.ago(base.age),
            }
            for base in place.region.bedrock.knowledge_bases
        ]
    }


def _head(place: Place, base: KnowledgeBase, source: DataSource) -> Answer:
    return {
        "knowledgeBaseId": _base_id(place, base.name),
        "dataSourceId": _source_id(place, base.name, source.name),
        "name": source.name,
        "status": "AVAILABLE",
        "updatedAt": place.ago(source.age),
    }


@answers("bedrock-agent", "ListDataSources", honours=["knowledgeBaseId"], paging=_PAGES)
def list_data_sources(call: Call) -> Answer:
    """Answer with the data sources of a knowledge base."""
    base = _base(call)
    heads = [_head(call.place, base, source) for source in base.data_sources]
    return {"dataSourceSummaries": heads}


@answers("bedrock-agent", "GetDataSource", honours=["knowledgeBaseId", "dataSourceId"])
def get_data_source(call: Call) -> Answer:
    """Answer with one data source: where it reads from and under which key."""
    place, base = call.place, _base(call)
    source = _source(call, base)
    if source.bucket:
        s3 = {"bucketArn": f"arn:aws:s3:::{source.bucket}"}
        configuration: dict[str, Any] = {"type": "S3", "s3Configuration": s3}
    else:
        seeds = {"urlConfiguration": {"seedUrls": [{"url": source.web}]}}
        configuration = {"type": "WEB", "webConfiguration": {"sourceConfiguration": seeds}}
    data_source = {
        **_head(place, base, source),
        "dataSourceConfiguration": configuration,
        "dataDeletionPolicy": "RETAIN",
        "createdAt": place.ago(source.age),
    }
    if source.key:
        data_source["serverSideEncryptionConfiguration"] = {"kmsKeyArn": place.key_arn(source.key)}
    return {"dataSource": data_source}


@answers(
    "bedrock-agent",
    "ListIngestionJobs",
    honours=["knowledgeBaseId", "dataSourceId"],
    paging=_PAGES,
)
def list_ingestion_jobs(call: Call) -> Answer:
    """Answer with the ingestion jobs of a data source, newest first."""
    place, base = call.place, _base(call)
    source = _source(call, base)
    head = _head(place, base, source)
    return {
        "ingestionJobSummaries": [
            {
                "knowledgeBaseId": head["knowledgeBaseId"],
                "dataSourceId": head["dataSourceId"],
                "ingestionJobId": place.names.upper(10, *place.id("ingestion", source.name, age)),
                "status": "COMPLETE",
                "startedAt": place.ago(age),
                "updatedAt": place.ago(age - 20 * _MINUTES),
                "statistics": {
                    "numberOfDocumentsScanned": _DOCUMENTS,
                    "numberOfNewDocumentsIndexed": _DOCUMENTS - source.failed_documents,
                    "numberOfDocumentsFailed": source.failed_documents,
                },
            }
            for age in sorted(source.ingested)
        ]
    }
