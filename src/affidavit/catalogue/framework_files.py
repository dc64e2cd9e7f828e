"""framework.yaml and controls/*.yaml to the framework: control sets, controls, control sources."""

from collections.abc import Mapping
from typing import Final

from affidavit.catalogue.fields import Fields
from affidavit.catalogue.limits import input_types, within
from affidavit.catalogue.yaml_nodes import Node, Problems
from affidavit.model.catalogue import Check, ResourceSet
from affidavit.model.framework import (
    ActionPlan,
    Control,
    ControlSet,
    ControlSource,
    Framework,
    ManualEvidence,
    SourceType,
)
from affidavit.model.identifiers import stable_id

AUTOMATION: Final = ("full", "partial")
SEVERITIES: Final = ("critical", "high", "medium", "low")
BASES: Final = ("published", "ours")
CROSSWALKS: Final = ("nist_ai_rmf", "iso_42001", "eu_ai_act", "owasp_llm_2025", "aws_genai_lens")

_FREQUENCIES: Final[Mapping[SourceType, str]] = {
    SourceType.API_CALL: "DAILY",
    SourceType.CONFIG: "on rule evaluation; direct verdict DAILY",
    SourceType.CLOUDTRAIL: "continuous",
    SourceType.SECURITY_HUB: "on finding",
    SourceType.PROMPT_CHECK: "WEEKLY",
    SourceType.INVOCATION_LOG: "DAILY",
}
_SCANS: Final = {
    "InvocationLog_rates-by-group": "Rates of refusals, interventions and profanity by group",
    "InvocationLog_unlogged-calls": "Calls that CloudTrail recorded and no invocation log holds",
    "InvocationLog_alerting-proof": "Daily proof that alerts on disclosures are delivered",
}
"""What scans of invocation logs show without a verdict, by keyword."""
_WITHOUT_CHECK: Final = frozenset(
    {SourceType.MANUAL, SourceType.CLOUDTRAIL, SourceType.INVOCATION_LOG}
)
_ACTIVITY: Final = "activity evidence, always inconclusive"


class FrameworkReader:
    """Reads a framework with the checks and resource sets that its sources name."""

    def __init__(
        self,
        checks: Mapping[str, Check],
        resource_sets: Mapping[str, ResourceSet],
        problems: Problems,
    ) -> None:
        self.checks = checks
        self.resource_sets = resource_sets
        self.problems = problems

    def framework(self, document: Node, sets: Mapping[str, Node]) -> Framework:
        """Return the framework of `document`; `sets` are the control sets' documents by id."""
        fields = Fields(document, self.problems)
        identity = fields.text("id")
        order = fields.texts("control_sets", None)
        for name in sorted(set(order) ^ set(sets)):
            self.problems.add(fields.at("control_sets"), f"control set {name} has no file or entry")
        framework = Framework(
            id=identity,
            uuid=stable_id("framework", identity),
            name=fields.text("name"),
            description=fields.text("description"),
            compliance_type=fields.text("compliance_type"),
            version=fields.text("version"),
            control_sets=tuple(
                self._control_set(sets[name], identity) for name in order if name in sets
            ),
            caveats=fields.texts("caveats"),
        )
        fields.texts("conventions")
        fields.done()
        within(self.problems, fields.at("name"), "framework name", framework.name)
        where = fields.at("description")
        within(self.problems, where, "framework description", framework.description)
        where = fields.at("compliance_type")
        within(self.problems, where, "compliance type", framework.compliance_type)
        return framework

    def _control_set(self, document: Node, framework: str) -> ControlSet:
        fields = Fields(document, self.problems)
        identity = fields.text("id")
        name = fields.text("name")
        within(self.problems, fields.at("name"), "control set name", name)
        controls = tuple(self._control(node, identity) for node in fields.nodes("controls"))
        principle = fields.text("principle")
        fields.done()
        return ControlSet(
            id=identity,
            uuid=stable_id("control_set", f"{framework}/{identity}"),
            name=name,
            principle=principle,
            controls=controls,
        )

    def _control(self, node: Node, control_set: str) -> Control:
        fields = Fields(node, self.problems)
        identity = fields.text("id")
        basis = fields.fields("basis")
        plan = fields.fields("action_plan")
        manual = self._manual(fields)
        control = Control(
            id=identity,
            uuid=stable_id("control", identity),
            title=fields.text("title"),
            control_set=control_set,
            statement=fields.text("statement"),
            basis_kind=basis.choice("kind", BASES) if basis else "",
            basis=basis.texts("refs") if basis else (),
            automation=fields.choice("automation", AUTOMATION),
            severity=fields.choice("severity", SEVERITIES),
            sources=tuple(
                self._source(source, identity, manual) for source in fields.nodes("sources")
            ),
            testing_information=fields.text("testing_information"),
            action_plan=ActionPlan(
                title=plan.text("title") if plan else "",
                instructions=plan.text("instructions") if plan else "",
            ),
            manual_evidence=manual,
            crosswalk=fields.lists("crosswalk"),
        )
        for taken in (basis, plan, fields):
            if taken:
                taken.done()
        self._hold(fields, control)
        return control

    def _hold(self, fields: Fields, control: Control) -> None:
        problems, at = self.problems, fields.at
        within(problems, at("title"), "control title", control.title)
        within(problems, at("statement"), "statement", control.statement)
        where = at("testing_information")
        within(problems, where, "testing information", control.testing_information)
        plan = at("action_plan")
        within(problems, plan, "action plan title", control.action_plan.title)
        within(problems, plan, "action plan instructions", control.action_plan.instructions)
        for name in sorted(set(control.crosswalk) - set(CROSSWALKS)):
            problems.add(at("crosswalk"), f"crosswalk to an unknown framework {name}")
        manual = any(source.type is SourceType.MANUAL for source in control.sources)
        if not control.sources:
            problems.add(at("sources"), f"{control.id} has no source")
        if manual != (control.manual_evidence is not None):
            problems.add(
                fields.node, f"{control.id}: a MANUAL source and manual_evidence go together"
            )
        if (control.automation == "partial") != manual:
            problems.add(
                at("automation"), f"{control.id}: partial means that manual evidence is due"
            )

    def _manual(self, fields: Fields) -> ManualEvidence | None:
        manual = fields.fields("manual_evidence", optional=True)
        if manual is None:
            return None
        evidence = ManualEvidence(
            expected=manual.texts("expected", None),
            renew_days=manual.number("renew_days"),
            input=manual.choice("input", input_types()),
        )
        manual.done()
        return evidence

    def _source(self, node: Node, control: str, manual: ManualEvidence | None) -> ControlSource:
        fields = Fields(node, self.problems)
        kind = SourceType(fields.choice("type", tuple(SourceType)) or SourceType.MANUAL)
        keyword = "" if kind is SourceType.MANUAL else fields.text("keyword")
        check = self._check(fields, kind)
        params = fields.values("params")
        for name in sorted(set(params) - set(check.params if check else ())):
            self.problems.add(fields.at("params"), f"{name} is no parameter of the check")
        fields.done()
        identity = check.id if check else ""
        name = _name(kind, keyword, check, manual)
        within(self.problems, node, "source name", name)
        if keyword:
            within(self.problems, fields.at("keyword"), "keyword", keyword)
        return ControlSource(
            id=stable_id("control_source", f"{control}/{kind}/{keyword}/{identity}"),
            type=kind,
            keyword=keyword,
            name=name,
            check=identity,
            params=params,
            frequency=_frequency(kind, manual),
            scoping=self._scoping(kind, check),
            note=_ACTIVITY if check is None and kind is not SourceType.MANUAL else "",
        )

    def _check(self, fields: Fields, kind: SourceType) -> Check | None:
        if "check" not in fields.members:
            if kind not in _WITHOUT_CHECK:
                self.problems.add(fields.node, f"a source of type {kind} names a check")
            return None
        identity = fields.text("check")
        check = self.checks.get(identity)
        if check is None:
            self.problems.add(fields.at("check"), f"there is no check {identity}")
        elif check.type != kind.value:
            self.problems.add(fields.at("check"), f"{identity} is a check of type {check.type}")
        return check

    def _scoping(self, kind: SourceType, check: Check | None) -> str:
        if check is not None:
            found = self.resource_sets.get(check.resource_set)
            return found.title if found else ""
        if kind is SourceType.CLOUDTRAIL:
            return "events of the account since the last collection"
        if kind is SourceType.INVOCATION_LOG:
            return "records of the last full UTC day"
        return "uploaded or entered by the owner or a delegate"


def _frequency(kind: SourceType, manual: ManualEvidence | None) -> str:
    if kind is SourceType.MANUAL:
        return f"every {manual.renew_days} days" if manual else ""
    return _FREQUENCIES[kind]


def _name(
    kind: SourceType, keyword: str, check: Check | None, manual: ManualEvidence | None
) -> str:
    if check is not None:
        return check.words.rstrip(".")
    if kind is SourceType.MANUAL:
        return f"Manual evidence: {manual.expected[0] if manual and manual.expected else ''}"
    if kind is SourceType.INVOCATION_LOG:
        return _SCANS.get(keyword, keyword)
    return f"Recorded use of {keyword.partition('_')[2]}"
