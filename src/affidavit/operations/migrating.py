"""Moving over from AWS Audit Manager: its custom controls, frameworks and assessments, made here.

What is made carries the ARN of what it was made from in a tag, in the same transaction: an import
that is run again, or that was killed, makes nothing twice. Standard controls of AWS in a custom
framework become custom ones, for their ids mean nothing here. A source that is not collected here
becomes a manual one that says so: a control never gets easier by moving.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from affidavit import catalogue as catalogues
from affidavit.aws import audit_manager
from affidavit.aws.settings import AwsSettings
from affidavit.operations import keywords
from affidavit.operations.accounts import is_registered
from affidavit.operations.caller import Caller, Role
from affidavit.operations.context import Context
from affidavit.operations.dispatch import Dispatcher
from affidavit.operations.faults import Fault
from affidavit.operations.tags import RESERVED
from affidavit.operations.users import principal_of
from affidavit.settings import Settings
from affidavit.store import open_store
from affidavit.store.places import check_tenant

TAG: Final = "affidavit:imported-from"
TEXTS: Final = ("description", "testingInformation", "actionPlanTitle", "actionPlanInstructions")
SOURCE: Final = (
    *("sourceName", "sourceDescription", "sourceSetUpOption", "sourceType", "sourceKeyword"),
    *("sourceFrequency", "troubleshootingText"),
)
_SAID: Final = 1000
"""Longest sourceDescription (botocore's model)."""
_GENERATIVE: Final = "generative ai"

Check = Callable[[str, dict[str, Any]], dict[str, Any]]
"""(operation, members) -> members as the API's model reads them; raises `ValidationFault`."""
State = Literal["made", "was here", "not made"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What became of one thing."""

    kind: str
    name: str
    state: State
    words: str = ""
    """What differs here, or why it could not be made."""

    def to_json(self) -> dict[str, str]:
        """Return it as JSON."""
        return {"kind": self.kind, "name": self.name, "state": self.state, "words": self.words}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be moved, and to where."""

    tenant: str
    """The tenant here, "account/Region"; AWS is read in that Region."""
    aws: AwsSettings
    by: str
    check: Check
    """What the API holds requests to: what no client could make, no import makes."""
    assessments: bool = False
    """Whether active assessments are made, too; their collection begins at once."""


def move(settings: Settings, order: Order) -> Iterator[Moved]:
    """Make what AWS has, one by one, and tell what became of each.

    Raises `CollectError` for what AWS refuses; what was made until then stays.
    """
    check_tenant(order.tenant)
    what = "Audit Manager was not read"
    todo = "The caller must be allowed to list and get what Audit Manager holds (read-only)."
    with open_store(settings) as store:
        context = Context(store=store, catalogue=catalogues.load(), settings=settings)
        here = _Here(context, order)
        here.register()
        with audit_manager.audit_manager(order.aws, what, todo) as client:
            for control in audit_manager.custom_controls(client):
                yield here.control(control)
            for framework in audit_manager.custom_frameworks(client):
                yield from here.framework(framework)
            if order.assessments:
                for assessment in audit_manager.active_assessments(client):
                    yield here.assessment(assessment)


@dataclass(slots=True)
class _Here:
    """The tenant that things are made for."""

    context: Context
    order: Order
    ids: dict[str, str] = field(default_factory=dict)
    """ARN at AWS -> id here."""
    customs: set[str] = field(default_factory=set)
    """ARNs of the custom frameworks at AWS, whether they could be made here or not."""

    def __post_init__(self) -> None:
        documents = self.context.store.documents
        for kind in ("control", "framework", "assessment"):
            for document in documents.every(self.order.tenant, kind):
                origin = document.body.get("tags", {}).get(TAG)
                if origin:
                    self.ids[origin] = document.id

    def register(self) -> None:
        """Register the tenant where it is not."""
        if not is_registered(self.context, self.order.tenant):
            self._ask("admin", "RegisterAccount", {})

    def control(self, given: Mapping[str, Any]) -> Moved:
        """Make a control."""
        sources, changed = self._sources(given.get("controlMappingSources", ()))
        request = {"name": given["name"], "controlMappingSources": sources, **_texts(given)}
        return self._made("control", given, "CreateControl", request, changed)

    def framework(self, given: Mapping[str, Any]) -> Iterator[Moved]:
        """Make a framework, and before it those of its controls that are not here yet."""
        sets = []
        self.customs.add(given["arn"])
        for one in given["controlSets"]:
            for control in one.get("controls", ()):
                if control["arn"] not in self.ids:
                    yield self.control(control)
            held = [c["arn"] for c in one.get("controls", ())]
            lacking = [arn for arn in held if arn not in self.ids]
            if lacking:
                words = f"{len(lacking)} of its controls could not be made."
                yield Moved(kind="framework", name=given["name"], state="not made", words=words)
                return
            sets.append({"name": one["name"], "controls": [{"id": self.ids[a]} for a in held]})
        texts = {k: given[k] for k in ("description", "complianceType") if given.get(k)}
        request = {"name": given["name"], "controlSets": sets, **texts}
        yield self._made("framework", given, "CreateAssessmentFramework", request, "")

    def assessment(self, given: Mapping[str, Any]) -> Moved:
        """Make an assessment of a framework that is here."""
        metadata, framework = given["metadata"], given["framework"]
        name, words = metadata["name"], ""
        identifier = self.ids.get(framework.get("arn", ""))
        if identifier is None:
            named = framework.get("metadata", {}).get("name", "")
            if framework.get("arn") in self.customs:
                words = f"Its framework {named} could not be made."
                return Moved(kind="assessment", name=name, state="not made", words=words)
            if _GENERATIVE not in named.lower():
                words = f"Its framework {named} is AWS's own: only custom ones are here."
                return Moved(kind="assessment", name=name, state="not made", words=words)
            identifier = self.context.catalogue.framework.uuid
            words = (
                "Of our own Generative AI framework: the same 52 controls, our texts and checks."
            )
        members = ("assessmentReportsDestination", "scope", "roles", "description")
        request = {k: metadata[k] for k in members if metadata.get(k)}
        request |= {"name": name, "frameworkId": identifier}
        request["scope"] = {"awsAccounts": metadata.get("scope", {}).get("awsAccounts", [])}
        request.setdefault("roles", [])
        whole = {"arn": given["arn"], "name": name, "tags": given.get("tags", {})}
        return self._made("assessment", whole, "CreateAssessment", request, words)

    def _made(
        self,
        kind: str,
        given: Mapping[str, Any],
        operation: str,
        request: dict[str, Any],
        words: str,
    ) -> Moved:
        origin, name = given["arn"], given["name"]
        if origin in self.ids:
            return Moved(kind=kind, name=name, state="was here")
        request["tags"] = {**free_tags(given), TAG: origin}
        try:
            answer = self._ask("owner", operation, request)
        except Fault as fault:
            return Moved(kind=kind, name=name, state="not made", words=str(fault))
        (body,) = answer.values()
        self.ids[origin] = body["id"] if "id" in body else body["metadata"]["id"]
        return Moved(kind=kind, name=name, state="made", words=words)

    def _sources(self, given: Any) -> tuple[list[dict[str, Any]], str]:
        """Return sources as they can be made here, and what is said of those that differ."""
        made, changed = [], []
        for one in given:
            source = {k: one[k] for k in SOURCE if k in one}
            why = self._refused(source)
            if why:
                changed.append(why)
                source = {
                    "sourceName": one.get("sourceName", "Manual evidence"),
                    "sourceDescription": f"{why} {one.get('sourceDescription', '')}"[:_SAID],
                    "sourceType": "MANUAL",
                    "sourceSetUpOption": "Procedural_Controls_Mapping",
                    "sourceKeyword": {"keywordInputType": "UPLOAD_FILE"},
                }
            made.append(source)
        return made, " ".join(changed)

    def _refused(self, source: Mapping[str, Any]) -> str:
        kind = source.get("sourceType", "MANUAL")
        value = source.get("sourceKeyword", {}).get("keywordValue", "")
        if kind in ("MANUAL", "Common_Control", "Core_Control"):
            return ""
        if not keywords.problem(self.context.catalogue, kind, value):
            return ""
        return f"{kind} {value or 'without a keyword'} is not collected here: manual evidence."

    def _ask(self, role: Role, operation: str, request: dict[str, Any]) -> Mapping[str, Any]:
        tenant = self.order.tenant
        principal = principal_of(tenant.partition("/")[0], self.order.by)
        caller = Caller.of_tenant(tenant, principal, role)
        checked = self.order.check(operation, request)
        return Dispatcher(self.context, marking=True)(operation, caller, checked)


def free_tags(of: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags that clients may set: those of AWS's and of ours stay behind."""
    tags = of.get("tags") or {}
    return {name: value for name, value in tags.items() if not name.lower().startswith(RESERVED)}


def _texts(given: Mapping[str, Any]) -> dict[str, str]:
    return {name: given[name] for name in TEXTS if given.get(name)}
