"""Records of IAM, once per account: users, Allow statements, principals, long-term Bedrock keys."""

from collections.abc import Iterator, Mapping
from typing import Any

from affidavit.checks.credential_report import ReportError, rows
from affidavit.checks.drafts import Draft, View
from affidavit.checks.listed import Found
from affidavit.checks.places import Record, RecordSet
from affidavit.checks.policies import PolicyError, Statement, allows_service, statements
from affidavit.model.observation import Gap, GapReason

DETAILS = "GetAccountAuthorizationDetails"
REPORT = "GetCredentialReport"
SERVICE_LINKED = "/aws-service-role/"
INLINE = (
    ("UserDetailList[]", "UserPolicyList[]", "AWS::IAM::User"),
    ("GroupDetailList[]", "GroupPolicyList[]", "AWS::IAM::Group"),
    ("RoleDetailList[]", "RolePolicyList[]", "AWS::IAM::Role"),
)
"""Owners of inline policies, the list of their policies, and the owner's resource type."""


BROAD = ("AdministratorAccess", "PowerUserAccess", "AmazonBedrock")
"""AWS's own policies that allow Bedrock, by the start of their name, whether or not we see them."""


def iam_user(view: View) -> RecordSet:
    """Return one record per row of the credential report, the root user left out."""
    gaps: list[Gap] = list(view.gaps("GenerateCredentialReport", REPORT))
    records: list[Record] = []
    for answer in view.answers.all(REPORT, view.region):
        if not answer.known:
            continue
        try:
            for number, row in rows(answer.body.get("Content")):
                draft = view.draft()
                draft.values["row"] = row
                draft.cite(answer.result, "/Content")
                draft.attributes |= {"user": row.get("user"), "row": number + 1}
                records.append(draft.record(row.get("arn", "")))
        except ReportError as error:
            words = f"The credential report cannot be read: {error}."
            gaps.append(view.answers.gap(REPORT, view.region, {}, GapReason.MALFORMED, words))
    return view.finish(records, gaps)


def policy_statement(view: View) -> RecordSet:
    """Return the Allow statements of attached customer managed policies and of inline ones."""
    records = [*_managed(view), *_inline(view)]
    return view.finish(records, view.gaps(DETAILS))


def _found(view: View, path: str) -> Iterator[Found]:
    yield from view.readable(view.scope.found(DETAILS, view.region, path))


def _by_aws(arn: str) -> bool:
    """Tell whether a managed policy is AWS's own: its ARN has aws in place of an account."""
    return arn.split(":")[4:5] == ["aws"]


def _managed(view: View) -> Iterator[Record]:
    for found in _found(view, "Policies[]"):
        policy = found.value
        arn = policy.get("Arn", "")
        if _by_aws(arn) or policy.get("AttachmentCount", 1) == 0:
            continue
        index, document = _default_version(policy)
        pointer = found.pointer if index is None else f"{found.pointer}/PolicyVersionList/{index}"
        place = Found(source=found.source, pointer=pointer, value=document)
        yield from _statements(view, place, arn, policy.get("PolicyName", ""), "AWS::IAM::Policy")


def _default_version(policy: Mapping[str, Any]) -> tuple[int | None, object]:
    """Return where the document in force stands among the versions, and the document."""
    default = policy.get("DefaultVersionId")
    for index, version in enumerate(policy.get("PolicyVersionList", ())):
        if version.get("IsDefaultVersion") or (default and version.get("VersionId") == default):
            return index, version.get("Document")
    return None, None


def _inline(view: View) -> Iterator[Record]:
    for owners, policies, resource_type in INLINE:
        for owner in _found(view, owners):
            if _is_service_linked(owner, resource_type):
                continue
            member = policies.removesuffix("[]")
            for index, policy in enumerate(owner.value.get(member, ())):
                place = Found(
                    source=owner.source,
                    pointer=f"{owner.pointer}/{member}/{index}",
                    value=policy.get("PolicyDocument"),
                )
                arn, name = owner.value.get("Arn", ""), policy.get("PolicyName", "")
                yield from _statements(view, place, arn, name, resource_type)


def _is_service_linked(owner: Found, resource_type: str) -> bool:
    """Tell whether it is a role that a service made; anybody may give a user that path."""
    path = str(owner.value.get("Path", ""))
    return resource_type == "AWS::IAM::Role" and path.startswith(SERVICE_LINKED)


def _statements(
    view: View, document: Found, owner: str, name: str, resource_type: str
) -> Iterator[Record]:
    """Yield a record per Allow statement; one with a gap where the policy cannot be read."""
    try:
        allowed = [one for one in statements(document.value) if one["Effect"] == "Allow"]
    except PolicyError as error:
        draft = _statement_draft(view, document, owner, name)
        words = f"The policy {name} of {owner} cannot be read: {error}."
        draft.unknown(DETAILS, DETAILS, GapReason.MALFORMED, words)
        yield draft.record(owner, resource_type)
        return
    for number, statement in enumerate(allowed, start=1):
        draft = _statement_draft(view, document, owner, name)
        draft.values["stmt"] = statement
        draft.attributes |= {"statement": statement.get("Sid", number)}
        yield draft.record(owner, resource_type)


def _statement_draft(view: View, document: Found, owner: str, name: str) -> Draft:
    draft = view.draft()
    draft.values["fact"] = {"owner": owner, "policyName": name}
    draft.cite(document.source, document.pointer)
    draft.attributes |= {"policy": name}
    return draft


def principal(view: View) -> RecordSet:
    """Return roles other than service-linked ones, users and groups, and who may use Bedrock."""
    return view.finish(_principals(view), view.gaps(DETAILS))


def _principals(view: View) -> Iterator[Record]:
    managed = {found.value.get("Arn", ""): found for found in _found(view, "Policies[]")}
    allowed: dict[str, bool | None] = {}
    for owners, policies, resource_type in INLINE:
        kind = resource_type.rsplit("::", maxsplit=1)[-1]
        member = policies.removesuffix("[]")
        for found in _found(view, owners):
            owner = found.value
            if _is_service_linked(found, resource_type):
                continue
            draft = view.of(found)
            known = [_allows(policy.get("PolicyDocument")) for policy in owner.get(member, ())]
            for attached in owner.get("AttachedManagedPolicies", ()):
                arn = attached.get("PolicyArn", "")
                if arn not in allowed:
                    allowed[arn] = _managed_allows(arn, managed.get(arn))
                known.append(allowed[arn])
                if arn in managed:
                    draft.cite_found([managed[arn]])
            _say_bedrock(draft, kind.lower(), known)
            draft.attributes |= {"name": owner.get(f"{kind}Name")}
            yield draft.record(owner.get("Arn", ""), resource_type)


def _managed_allows(arn: str, policy: Found | None) -> bool | None:
    """Tell whether a managed policy allows an action of Bedrock; None where it is not known."""
    if _by_aws(arn) and arn.rsplit("/", maxsplit=1)[-1].startswith(BROAD):
        return True
    return None if policy is None else _allows(_default_version(policy.value)[1])


def _allows(document: object) -> bool | None:
    """Tell whether a policy allows an action of Bedrock; None where it cannot be read."""
    try:
        found: list[Statement] = statements(document)
    except PolicyError:
        return None
    return allows_service(found, "bedrock")


def _say_bedrock(draft: Draft, kind: str, known: list[bool | None]) -> None:
    """Put in fact.bedrock; unknown where a policy is unknown and no other one allows it."""
    if None in known and True not in known:
        draft.values["fact"] = {"kind": kind}
        words = f"Whether the {kind} may use Bedrock is not known: one of its policies is unread."
        draft.unknown(DETAILS, DETAILS, GapReason.FAILED, words)
        return
    draft.values["fact"] = {"kind": kind, "bedrock": True in known}
    draft.attributes["bedrock"] = "yes" if True in known else "no"


def bedrock_key(view: View) -> RecordSet:
    """Return the long-term API keys of Bedrock."""
    return view.finish(_keys(view), view.gaps("ListServiceSpecificCredentials"))


def _keys(view: View) -> Iterator[Record]:
    for found in view.items("ListServiceSpecificCredentials"):
        if found.value.get("ServiceName", "bedrock.amazonaws.com") != "bedrock.amazonaws.com":
            continue
        user = found.value["UserName"]
        draft = view.of(found)
        draft.attributes |= {
            "user": user,
            "id": found.value.get("ServiceSpecificCredentialId"),
            "status": found.value.get("Status"),
        }
        yield draft.record(f"arn:{view.partition}:iam::{view.account_id}:user/{user}")
