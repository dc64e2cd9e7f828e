"""Custom frameworks from the command line: `affidavit run --framework` with the id of one.

The assessment that such a run makes is the one that CreateAssessment would have made: its document
holds the framework as it was, so that the API shows it and later runs collect the same controls.
"""

import re
from typing import Final

from affidavit.errors import UsageError
from affidavit.model.catalogue import Catalogue
from affidavit.model.run import Assessment
from affidavit.model.times import iso
from affidavit.operations import standard
from affidavit.operations.assessment_bodies import KIND, new_body, scope_of
from affidavit.operations.assessment_frameworks import framework
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.faults import NotFoundFault
from affidavit.operations.owners import OWNER, iam_arn
from affidavit.settings import Settings
from affidavit.store import Store
from affidavit.store.documents import Document

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_shipped(catalogue: Catalogue, framework_id: str) -> bool:
    """Tell whether this is the shipped framework: by its short id, its UUID, or none named."""
    return framework_id in ("", catalogue.framework.id, catalogue.framework.uuid)


def require_id(catalogue: Catalogue, framework_id: str) -> None:
    """Raise `UsageError` for what is no framework anywhere: not shipped, and no UUID."""
    if is_shipped(catalogue, framework_id) or _UUID.fullmatch(framework_id):
        return
    raise UsageError(
        f"There is no framework {framework_id!r}",
        why=f"The shipped one is {catalogue.framework.id}; custom ones are named by their UUID.",
        todo="`affidavit framework list` shows the shipped ones; the API lists your own.",
    )


def require_framework(store: Store, catalogue: Catalogue, tenant: str, framework_id: str) -> None:
    """Raise `UsageError` where the tenant has no framework of this id, saying which there are."""
    if is_shipped(catalogue, framework_id):
        return
    known = store.documents.every(tenant, "framework")
    if any(one.id == framework_id for one in known):
        return
    own = [f"{one.id} ({one.body['name']})" for one in known]
    raise UsageError(
        f"There is no framework {framework_id!r}",
        why=f"The frameworks of {tenant} are: {', '.join([catalogue.framework.id, *own])}.",
        todo="`affidavit framework list` shows the standard ones; the API lists your own.",
    )


def require_same(catalogue: Catalogue, found: Assessment, framework_id: str) -> None:
    """Raise `UsageError` where an assessment of the same name has another than was asked for."""
    if not framework_id:
        return
    shipped = is_shipped(catalogue, framework_id)
    if found.framework_id == (catalogue.framework.id if shipped else framework_id):
        return
    raise UsageError(
        f"The assessment {found.name!r} has another framework",
        why=f"It is of the framework {found.framework_id}, not of {framework_id}.",
        todo="Give another --name, or its own --framework.",
    )


def keep_document(
    store: Store, catalogue: Catalogue, settings: Settings, assessment: Assessment
) -> None:
    """Keep the document of a new assessment of a custom framework, with the framework as it is."""
    caller = Caller.of_tenant(assessment.tenant, assessment.created_by, "owner", "affidavit run")
    context = Context(store=store, catalogue=catalogue, settings=settings)
    try:
        source = framework(context, caller, assessment.framework_id)
    except NotFoundFault as fault:
        raise UsageError(f"There is no framework {assessment.framework_id!r}") from fault
    body = new_body(
        source,
        arn=standard.arn(caller, KIND, assessment.id),
        account_id=caller.account_id,
        metadata={
            "id": assessment.id,
            "name": assessment.name,
            "assessmentReportsDestination": {"destinationType": "S3"},
            "scope": scope_of(assessment.estate.accounts),
            "roles": [{"roleType": OWNER, "roleArn": iam_arn(assessment.created_by)}],
            "creationTime": iso(assessment.created_at),
            "lastUpdated": iso(assessment.created_at),
        },
    )
    document = Document(
        kind=KIND,
        id=assessment.id,
        body=body | {"_madeBy": assessment.created_by},
        sort=iso(assessment.created_at),
    )
    store.documents.act(assessment.tenant, now=assessment.created_at, puts=[document])
