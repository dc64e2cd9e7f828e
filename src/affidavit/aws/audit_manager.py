"""AWS Audit Manager as a client sees it: what a customer who moves over has there.

Reads only: ListControls, GetControl, ListAssessmentFrameworks, GetAssessmentFramework,
ListAssessments, GetAssessment.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from affidavit.aws.clients import new_session
from affidavit.aws.settings import USER_AGENT, AwsSettings
from affidavit.errors import CollectError


@contextmanager
def audit_manager(settings: AwsSettings, what: str, todo: str) -> Iterator[Any]:
    """Give a client of Audit Manager: AWS's, or a server's that speaks its API.

    What AWS refuses, or an answer that does not come, is a `CollectError` that says `what` was not
    done, why, and what to do.
    """
    session = new_session(settings)
    try:
        client: Any = session.create_client(
            "auditmanager",
            region_name=settings.region or session.get_config_variable("region"),
            endpoint_url=settings.endpoint_url or None,
            verify=(settings.ca_bundle or None) if settings.verify_tls else False,
            config=Config(
                connect_timeout=settings.call_timeout,
                read_timeout=settings.call_timeout,
                user_agent_extra=USER_AGENT,
                retries={"mode": "adaptive", "max_attempts": settings.max_attempts},
            ),
        )
        try:
            yield client
        finally:
            client.close()
    except (ClientError, BotoCoreError) as error:
        raise CollectError(what, why=str(error), todo=todo) from error


def custom_controls(client: Any) -> Iterator[dict[str, Any]]:
    """Yield each custom control whole."""
    for one in _every(client.list_controls, "controlMetadataList", controlType="Custom"):
        yield client.get_control(controlId=one["id"])["control"]


def custom_frameworks(client: Any) -> Iterator[dict[str, Any]]:
    """Yield each custom framework whole: with its control sets, and these with whole controls."""
    listed = client.list_assessment_frameworks
    for one in _every(listed, "frameworkMetadataList", frameworkType="Custom"):
        yield client.get_assessment_framework(frameworkId=one["id"])["framework"]


def active_assessments(client: Any) -> Iterator[dict[str, Any]]:
    """Yield each active assessment whole."""
    for one in _every(client.list_assessments, "assessmentMetadata", status="ACTIVE"):
        yield client.get_assessment(assessmentId=one["id"])["assessment"]


def _every(listed: Callable[..., Any], member: str, **request: str) -> Iterator[dict[str, Any]]:
    """Yield what a list holds, every page of it: botocore knows no paginators of Audit Manager."""
    more: dict[str, str] = {}
    while True:
        page = listed(**request, **more)
        yield from page[member]
        if not page.get("nextToken"):
            return
        more = {"nextToken": page["nextToken"]}
