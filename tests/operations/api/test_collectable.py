"""Custom frameworks, collected: every source is evidence or says why it is not."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from affidavit.aws.door import Door
from affidavit.checks import config, security_hub
from affidavit.collector.evidence import UNMAPPED
from affidavit.collector.plan import plan
from affidavit.collector.run import Collector
from affidavit.model.evidence import Evidence
from affidavit.model.framework import SourceType
from affidavit.model.times import utc_now
from affidavit.model.verdict import Standing, Verdict
from affidavit.operations import standard
from affidavit.operations.collectable import catalogue_for, current, sources_of
from affidavit.operations.reports import BuiltReport, ReportRequest, build_in, verify_report


def _source(kind: str, keyword: str) -> dict[str, Any]:
    return {
        "sourceName": f"{kind} {keyword}",
        "sourceType": kind,
        "sourceKeyword": {"keywordInputType": "SELECT_FROM_LIST", "keywordValue": keyword},
    }


PAPER = {"sourceName": "Paper", "sourceType": "MANUAL"}
UNKNOWN_COMMON = "arn:aws:controlcatalog:::common-control/somebodyelses"


class Custom:
    """Makes assessments of custom frameworks, and collects them from the simulated estate."""

    def __init__(self, owner: Any, an_assessment: Any) -> None:
        self.owner = owner
        self.context = owner.context
        self._an_assessment = an_assessment

    def control(self, name: str, *sources: dict[str, Any]) -> str:
        """Return the id of a new custom control with these sources."""
        made = self.owner("CreateControl", name=name, controlMappingSources=list(sources))
        return str(made["control"]["id"])

    def assessment(self, *control_ids: str, **members: Any) -> str:
        """Return the id of an assessment of a custom framework with one set of these controls."""
        sets = [{"name": "Own", "controls": [{"id": one} for one in control_ids]}]
        made = self.owner("CreateAssessmentFramework", name="Own", controlSets=sets)
        members = {"frameworkId": made["framework"]["id"], **members}
        return str(self._an_assessment(**members)["metadata"]["id"])

    def catalogue(self, identifier: str) -> Any:
        """Return what an assessment is collected with."""
        return catalogue_for(self.context, self.context.store.assessment(identifier))

    def collect(self, identifier: str, request: Any, store: Any = None) -> list[Evidence]:
        """Collect an assessment, and return its evidence."""
        stored = self.context.store.assessment(identifier)
        with Door(request.aws) as door:
            committed = Collector(
                catalogue=self.catalogue(identifier),
                store=store or self.context.store,
                door=door,
                now=utc_now,
            ).run(current(self.context, stored))
        day = committed.run_record.day
        return [evidence for _, evidence in self.context.store.evidence(identifier, day, day)]

    def report(self, identifier: str, path: Path) -> BuiltReport:
        """Return a report of an assessment."""
        store = self.context.store
        request = ReportRequest(assessment=identifier, out=path)
        return build_in(store, store.assessment(identifier), request, self.context.now())


class Swapping:
    """A store that writes what was found of one bucket under another: the counts stay the same."""

    def __init__(self, store: Any, control: str) -> None:
        self._store, self._control, self.swapped = store, control, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def segment_writer(self, *place: Any) -> Any:
        """Return a writer that swaps a good and a bad resource of the control."""
        writer = self._store.segment_writer(*place)
        append = writer.append
        writer.append = lambda batch: append(self._swap(list(batch)))
        return writer

    def _swap(self, batch: list[Evidence]) -> list[Evidence]:
        own = [i for i, one in enumerate(batch) if one.control_id == self._control]
        good = next((i for i in own if batch[i].verdict is Verdict.COMPLIANT), None)
        bad = next((i for i in own if batch[i].verdict is Verdict.NON_COMPLIANT), None)
        if good is not None and bad is not None:
            arns = batch[good].resource_arn, batch[bad].resource_arn
            batch[bad] = replace(batch[bad], resource_arn=arns[0])
            batch[good] = replace(batch[good], resource_arn=arns[1])
            self.swapped += 1
        return batch


@pytest.fixture
def custom(owner: Any, an_assessment: Any) -> Custom:
    """Return the maker of custom assessments."""
    return Custom(owner, an_assessment)


def test_the_standard_framework_is_collected_as_it_is(custom: Custom, an_assessment: Any) -> None:
    """The shipped catalogue itself is used, digest and all, until a control is INACTIVE."""
    made = an_assessment()
    identifier = made["metadata"]["id"]
    assert custom.catalogue(identifier) is custom.context.catalogue
    first = made["framework"]["controlSets"][0]
    custom.owner(
        "UpdateAssessmentControl",
        assessmentId=identifier,
        controlSetId=first["id"],
        controlId=first["controls"][0]["id"],
        controlStatus="INACTIVE",
    )
    narrowed = custom.catalogue(identifier)
    assert len(list(narrowed.framework.controls())) == 51
    assert narrowed.digest != custom.context.catalogue.digest
    assert narrowed.digest == custom.catalogue(identifier).digest


def test_an_assessment_of_the_command_line_is_collected_as_it_is(
    owner: Any, collected: Any
) -> None:
    """Without a document the shipped catalogue is used."""
    assert catalogue_for(owner.context, collected.assessment) is owner.context.catalogue


def test_standard_controls_keep_their_names_in_a_custom_set(custom: Custom, shipped: Any) -> None:
    """Evidence of a standard control is named as ever; its set is the assessment's; each once."""
    wanted = next(shipped.framework.controls())
    catalogue = custom.catalogue(custom.assessment(wanted.uuid))
    (only,) = catalogue.framework.controls()
    assert (only.id, only.sources, only.control_set) == (wanted.id, wanted.sources, "Own")
    assert catalogue.framework.name == "Own"
    assert plan(catalogue).operations


def test_every_kind_of_source_is_mapped_or_says_why_not(shipped: Any) -> None:
    """Known things are collected by check or as data; all others become a check of nothing."""
    core = next(iter(shipped.checks))
    common, grouped = next(iter(standard.common_controls(shipped).items()))
    rule = next(iter(shipped.config_rules))

    def kinds(kind: str, keyword: str) -> set[tuple[str, str, str]]:
        found = sources_of(shipped, "c", [_source(kind, keyword)])
        return {(source.type.value, source.keyword, source.check) for source in found}

    check = shipped.checks[core]
    assert kinds("Core_Control", standard.core_id(core)) == {(check.type, check.keyword, core)}
    assert kinds("Common_Control", common) == {
        (source.type.value, source.keyword, source.check)
        for control in grouped
        for source in control.sources
        if source.type is not SourceType.MANUAL
    }
    assert kinds("AWS_Config", rule) == {("AWS_Config", rule, shipped.config_rules[rule].check)}
    event = "cloudtrail_StopLogging"
    assert kinds("AWS_Cloudtrail", event) == {("AWS_Cloudtrail", event, "")}
    call = "iam_GetAccountSummary"
    assert kinds("AWS_API_Call", call) == {("AWS_API_Call", call, "")}
    for kind, keyword, check in (
        ("AWS_API_Call", "ec2_DescribeInstances", ""),
        ("AWS_API_Call", "bedrock-runtime_Converse", UNMAPPED),
        ("AWS_API_Call", "ec2_TerminateInstances", UNMAPPED),
        ("AWS_Config", "Custom_own-rule", config.RECORDED),
        ("AWS_Config", "EIP_ATTACHED", config.RECORDED),
        ("AWS_Security_Hub", "EC2.1", security_hub.CHECK),
    ):
        assert kinds(kind, keyword) == {(kind, keyword, check)}
    for kind, keyword in (("Core_Control", "none"), ("Common_Control", UNKNOWN_COMMON)):
        assert kinds(kind, keyword) == {("AWS_API_Call", "", UNMAPPED)}
        (source,) = sources_of(shipped, "c", [_source(kind, keyword)])
        assert keyword in source.note
    (manual,) = sources_of(shipped, "c", [PAPER])
    assert (manual.type, manual.check) == (SourceType.MANUAL, "")
    (nothing,) = sources_of(shipped, "c", [])
    assert nothing.check == UNMAPPED


def test_unmapped_sources_of_one_kind_stay_apart(shipped: Any) -> None:
    """Two unknown common controls are two reasons, with ids of their own."""
    given = [_source("Common_Control", UNKNOWN_COMMON), _source("Common_Control", "another")]
    first, second = sources_of(shipped, "c", given)
    assert first.id != second.id
    assert first.note != second.note


def test_an_edited_control_counts_and_a_deleted_one_says_so(custom: Custom) -> None:
    """Sources are followed; a control that is gone is kept, with the reason."""
    control = custom.control("Own", _source("AWS_API_Call", "iam_GetAccountSummary"))
    identifier = custom.assessment(control)
    custom.owner(
        "UpdateControl",
        controlId=control,
        name="Own",
        controlMappingSources=[_source("AWS_API_Call", "s3_ListBuckets")],
    )
    (only,) = custom.catalogue(identifier).framework.controls()
    assert [source.keyword for source in only.sources] == ["s3_ListBuckets"]
    custom.owner("DeleteControl", controlId=control)
    (only,) = custom.catalogue(identifier).framework.controls()
    assert only.title == "Own"
    assert [source.check for source in only.sources] == [UNMAPPED]
    assert "deleted" in only.sources[0].note


def test_a_control_of_paper_only_waits_for_paper(custom: Custom) -> None:
    """A manual source makes the control partial, and expects what it describes."""
    identifier = custom.assessment(
        custom.control("Paper", {**PAPER, "sourceDescription": "Minutes"})
    )
    (only,) = custom.catalogue(identifier).framework.controls()
    assert only.automation == "partial"
    assert only.manual_evidence is not None
    assert only.manual_evidence.expected == ("Minutes",)


@pytest.fixture
def story(custom: Custom, shipped: Any, healthy: Any) -> tuple[Custom, str, dict[str, str], Any]:
    """Return a custom assessment with a control of each kind, and the request that collects it."""
    # Observations carry the real time: the runs must not end before it.
    custom.owner.clock.time = utc_now() + timedelta(minutes=2)
    rule = next(iter(shipped.config_rules))
    core = next(c.id for c in shipped.checks.values() if c.resource_set == "bucket")
    controls = {
        "standard": next(shipped.framework.controls()).uuid,
        "core": custom.control("Core", _source("Core_Control", standard.core_id(core))),
        "config": custom.control("Config", _source("AWS_Config", rule)),
        "data": custom.control(
            "Data",
            _source("AWS_API_Call", "iam_GetAccountSummary"),
            _source("AWS_API_Call", "s3_ListBuckets"),
            _source("AWS_API_Call", "s3_GetBucketEncryption"),
            _source("AWS_API_Call", "cloudtrail_DescribeTrails"),
        ),
        "events": custom.control("Events", _source("AWS_Cloudtrail", "cloudtrail_StopLogging")),
        "named": custom.control(
            "Named", _source("AWS_Config", "Custom_s3-bucket-versioning-enabled")
        ),
        "mixed": custom.control(
            "Mixed",
            _source("Core_Control", standard.core_id(core)),
            _source("Common_Control", UNKNOWN_COMMON),
            PAPER,
        ),
    }
    accounts = [{"id": account} for account in healthy.accounts]
    identifier = custom.assessment(*controls.values(), scope={"awsAccounts": accounts})
    return custom, identifier, controls, healthy


def test_a_custom_framework_is_collected_reported_and_verified(story: Any, tmp_path: Path) -> None:
    """Each source gives evidence or a gap, and a report of it verifies."""
    custom, identifier, controls, healthy = story
    evidence = custom.collect(identifier, healthy)
    by_control: dict[str, list[Evidence]] = {}
    for one in evidence:
        by_control.setdefault(one.control_id, []).append(one)
    expected = {k: v for k, v in controls.items() if k != "standard"}
    assert set(expected.values()) < set(by_control)
    assert {e.control_set_id for e in evidence} == {"Own"}
    _check_data(by_control[controls["data"]], healthy.accounts)
    mixed = by_control[controls["mixed"]]
    gaps = [e for e in mixed if e.check_id == UNMAPPED]
    assert len(gaps) == len(healthy.accounts)
    assert {(e.gap, e.keyword, e.source_type) for e in gaps} == {
        ("not_configured", "", "AWS_API_Call")
    }
    verdicts = custom.context.store.verdicts(identifier, custom.context.now().date())
    assert verdicts[controls["mixed"]].verdict is not Verdict.COMPLIANT
    assert verdicts[controls["mixed"]].manual == "missing"
    assert verdicts[controls["data"]].verdict is Verdict.NOT_APPLICABLE
    built = custom.report(identifier, tmp_path / "r.zip")
    outcome = verify_report(built.path, str(built.key), again=True)
    assert outcome.failure is None, outcome.failure.what
    assert outcome.steps[-1][0] == "rejudge"
    shown = custom.owner("GetAssessment", assessmentId=identifier)["assessment"]
    counts = {c["id"]: c["evidenceCount"] for c in shown["framework"]["controlSets"][0]["controls"]}
    assert counts[controls["data"]] == len(by_control[controls["data"]])


def _check_data(evidence: list[Evidence], accounts: Any) -> None:
    """Assert that configuration data carries no verdict, one record a resource, and its bounds."""
    assert {e.verdict for e in evidence} == {Verdict.NOT_APPLICABLE}
    assert not any(e.check_id for e in evidence)
    kept = [e for e in evidence if not e.gap]
    assert all(e.inputs for e in kept)
    assert {e.evidence_type for e in evidence} == {"Configuration data"}
    counts = Counter(e.keyword for e in kept)
    assert counts["iam_GetAccountSummary"] == len(accounts)
    assert counts["s3_ListBuckets"] > len(accounts)
    assert any(e.resource_arn for e in kept if e.keyword == "cloudtrail_DescribeTrails")
    buckets = {e.resource_arn for e in kept if e.keyword == "s3_ListBuckets"}
    assert {e.resource_arn for e in kept if e.keyword == "s3_GetBucketEncryption"} == buckets


def test_judging_a_custom_framework_again_finds_a_changed_verdict(
    story: Any, tmp_path: Path
) -> None:
    """What was written under the wrong bucket verifies, since it was signed, but is found out."""
    custom, identifier, controls, healthy = story
    store = Swapping(custom.context.store, controls["named"])
    custom.collect(identifier, healthy, store)
    assert store.swapped
    built = custom.report(identifier, tmp_path / "r.zip")
    assert verify_report(built.path, str(built.key)).verified
    outcome = verify_report(built.path, str(built.key), again=True)
    assert outcome.failure is not None
    assert outcome.failure.step == "rejudge"
    assert "judging again gives" in outcome.failure.what


def test_a_rule_by_its_name_is_what_config_recorded(story: Any) -> None:
    """A deployed rule is collected by Custom_ and its name; where it is not, that is said."""
    custom, identifier, controls, healthy = story
    evidence = [
        one for one in custom.collect(identifier, healthy) if one.control_id == controls["named"]
    ]
    judged = [one for one in evidence if not one.gap]
    assert {one.verdict for one in judged} == {Verdict.COMPLIANT, Verdict.NON_COMPLIANT}
    assert all(one.resource_arn.startswith("arn:aws:s3:::") for one in judged)
    assert {one.origin for one in judged} == {"AWS_Config"}
    assert {one.check_id for one in evidence} == {config.RECORDED}
    absent = [one for one in evidence if one.gap]
    assert {one.gap for one in absent} <= {"not_enabled", "nothing_to_collect"}
    assert all(one.standing is Standing.UNDECIDED for one in absent)


def test_a_control_with_an_unmapped_source_is_never_compliant(story: Any) -> None:
    """What its other source says alone does not make the control COMPLIANT."""
    custom, identifier, controls, healthy = story
    custom.collect(identifier, healthy)
    verdicts = custom.context.store.verdicts(identifier, custom.context.now().date())
    mixed, core = verdicts[controls["mixed"]], verdicts[controls["core"]]
    assert mixed.counts["COMPLIANT"] == core.counts["COMPLIANT"]
    assert mixed.expected > core.expected
