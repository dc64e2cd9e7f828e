"""AWS Audit Manager as a client sees it: what a customer who moves over has there.

Reads only: ListControls, GetControl, ListAssessmentFrameworks, GetAssessmentFramework,
ListAssessments, GetAssessment.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from affidavit.aws.clients import new_session
from affidavit.aws.errors import NO_CREDENTIALS, PARSER_TROUBLE, UNREADABLE
from affidavit.aws.identity import CREDENTIALS_TODO
from affidavit.aws.paging import MAX_PAGES
from affidavit.aws.settings import USER_AGENT, AwsSettings
from affidavit.aws.shapes import plain, typed
from affidavit.errors import CollectError

_SHOWN: Final = 400
"""Characters of what is said of an answer that cannot be read."""


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
    except NO_CREDENTIALS as error:
        raise CollectError(what, why=str(error), todo=CREDENTIALS_TODO) from error
    except (ClientError, BotoCoreError) as error:
        raise CollectError(what, why=str(error), todo=todo) from error


def custom_controls(client: Any) -> Iterator[dict[str, Any]]:
    """Yield each custom control whole."""
    for one in _every(client, "ListControls", "controlMetadataList", controlType="Custom"):
        control = _asked(client, "GetControl", "control", controlId=one["id"])["control"]
        yield _with(control, "arn", "name")


def custom_frameworks(client: Any) -> Iterator[dict[str, Any]]:
    """Yield each custom framework whole: with its control sets, and these with whole controls."""
    operation, listed = "ListAssessmentFrameworks", "frameworkMetadataList"
    for one in _every(client, operation, listed, frameworkType="Custom"):
        named = {"frameworkId": one["id"]}
        answer = _asked(client, "GetAssessmentFramework", "framework", **named)
        framework = _with(answer["framework"], "arn", "name", "controlSets")
        for control_set in framework["controlSets"]:
            for control in _with(control_set, "name").get("controls", ()):
                _with(control, "arn", "name")
        yield framework


def active_assessments(client: Any) -> Iterator[dict[str, Any]]:
    """Yield each active assessment whole."""
    for one in _every(client, "ListAssessments", "assessmentMetadata", status="ACTIVE"):
        answer = _asked(client, "GetAssessment", "assessment", assessmentId=one["id"])
        assessment = _with(answer["assessment"], "arn", "metadata", "framework")
        _with(assessment["metadata"], "name")
        yield assessment


def _every(client: Any, operation: str, member: str, **request: str) -> Iterator[dict[str, Any]]:
    """Yield what a list holds, every page of it: botocore knows no paginators of Audit Manager."""
    seen: set[str] = set()
    more: dict[str, str] = {}
    while True:
        page = _asked(client, operation, member, **request, **more)
        for one in page[member]:
            yield _with(one, "id")
        token = page.get("nextToken")
        if not token:
            return
        if token in seen or len(seen) >= MAX_PAGES:
            raise _unreadable(f"The list of {operation} has no end.")
        seen.add(token)
        more = {"nextToken": token}


def _asked(client: Any, operation: str, member: str, **request: str) -> dict[str, Any]:
    """Return an answer that has a member, and is of the shape that the model gives it."""
    try:
        answer = getattr(client, xform_name(operation))(**request)
        return typed("auditmanager", operation, plain(_with(answer, member)))
    except (*UNREADABLE, *PARSER_TROUBLE) as error:
        raise _unreadable(f"{operation}: {type(error).__name__}: {error}"[:_SHOWN]) from error


def _with(value: Any, *names: str) -> dict[str, Any]:
    """Return a structure that has these members: the model says of none that it must be there."""
    missing = [name for name in names if not isinstance(value, dict) or name not in value]
    if missing:
        raise _unreadable(f"An answer lacks {', '.join(missing)}.")
    found: dict[str, Any] = value
    return found


def _unreadable(why: str) -> CollectError:
    return CollectError(
        "Audit Manager was not read", why=why, todo="Is the endpoint one of Audit Manager's?"
    )
