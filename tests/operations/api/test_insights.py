"""Insights: the day's evidence, counted."""

from dataclasses import replace
from typing import Any

import pytest

from affidavit.model.verdict import Verdict
from affidavit.operations import standard
from affidavit.operations.faults import AccessDeniedFault, NotFoundFault

COUNTS = {
    "noncompliantEvidenceCount": 2,
    "compliantEvidenceCount": 2,
    "inconclusiveEvidenceCount": 2,
}
"""What the fixture's run of six records a control gives for each of its two controls."""


@pytest.fixture
def domain(shipped: Any) -> str:
    """Return the id of the first control domain, that of the fixture's evidence."""
    return standard.domain_arn(shipped.framework.control_sets[0].uuid)


def test_no_evidence_is_no_data(owner: Any, collected: Any) -> None:
    """Before anything was collected there are no counts of evidence: no data is not 0."""
    total = len(list(collected.catalogue.framework.controls()))
    assert owner("GetInsights")["insights"] == {
        "activeAssessmentsCount": 1,
        "totalAssessmentControlsCount": total,
    }
    assert owner("ListControlDomainInsights")["controlDomainInsights"] == []


def test_the_day_is_counted(owner: Any, collected: Any) -> None:
    """The counts are those of the newest day with evidence, not the sum over days."""
    collected.run(records=3)
    owner.clock.forward(days=1)
    collected.run()
    insights = owner("GetInsights")["insights"]
    wanted = {name: 2 * count for name, count in COUNTS.items()}
    assert wanted.items() <= insights.items()
    assert insights["assessmentControlsCountByNoncompliantEvidence"] == 2
    assert insights["activeAssessmentsCount"] == 1
    assert insights["lastUpdated"] == owner.clock()
    identifier = collected.assessment.id
    one = owner("GetInsightsByAssessment", assessmentId=identifier)["insights"]
    assert one == {k: v for k, v in insights.items() if k != "activeAssessmentsCount"}


def test_domains_and_their_controls(owner: Any, collected: Any, domain: str) -> None:
    """Domains are control sets; only what has evidence on the day is shown."""
    collected.run()
    identifier = collected.assessment.id
    for answer in (
        owner("ListControlDomainInsights"),
        owner("ListControlDomainInsightsByAssessment", assessmentId=identifier),
    ):
        (only,) = answer["controlDomainInsights"]
        assert (only["id"], only["name"]) == (domain, collected.set_name)
        assert (only["totalControlsCount"], only["controlsCountByNoncompliantEvidence"]) == (2, 2)
    controls = owner("ListControlInsightsByControlDomain", controlDomainId=domain)
    items = controls["controlInsightsMetadata"]
    assert [item["evidenceInsights"] for item in items] == [COUNTS, COUNTS]
    assert collected.control.uuid in [item["id"] for item in items]
    uuid = domain.rpartition("/")[2]
    own = owner(
        "ListAssessmentControlInsightsByControlDomain",
        controlDomainId=uuid,
        assessmentId=identifier,
        maxResults=1,
    )
    (first,) = own["controlInsightsByAssessment"]
    assert first["controlSetName"] == collected.set_name
    rest = owner(
        "ListAssessmentControlInsightsByControlDomain",
        controlDomainId=uuid,
        assessmentId=identifier,
        maxResults=1,
        nextToken=own["nextToken"],
    )
    assert rest["controlInsightsByAssessment"][0]["id"] != first["id"]


def test_unknown_domains_are_not_found(owner: Any, collected: Any) -> None:
    """A domain of somebody else's catalogue is not found; UNCATEGORIZED is known, and empty."""
    collected.run()
    operation = "ListControlInsightsByControlDomain"
    assert owner(operation, controlDomainId="UNCATEGORIZED")["controlInsightsMetadata"] == []
    with pytest.raises(NotFoundFault):
        owner(operation, controlDomainId="arn:aws:controlcatalog:::domain/other")


def test_manual_evidence_is_inconclusive(owner: Any, collected: Any) -> None:
    """What a person adds counts on its day, without a verdict."""
    owner(
        "BatchImportEvidenceToAssessmentControl",
        assessmentId=collected.assessment.id,
        controlSetId=collected.set_name,
        controlId=collected.control.uuid,
        manualEvidence=[{"textResponse": "We did it."}],
    )
    insights = owner("GetInsights")["insights"]
    assert insights["inconclusiveEvidenceCount"] == 1
    assert insights["compliantEvidenceCount"] == 0


@pytest.mark.parametrize("manual", ["missing", "expired", "present"])
def test_a_partial_control_is_never_plainly_compliant(
    owner: Any, collected: Any, domain: str, monkeypatch: pytest.MonkeyPatch, manual: str
) -> None:
    """Where only the automated part is compliant, the manual part counts as inconclusive."""
    collected.run()
    (day,) = {
        folder.day for folder in owner.context.store.evidence_folders.every(collected.assessment.id)
    }
    said = owner.context.store.verdicts(collected.assessment.id, day)
    compliant = {
        key: replace(one, verdict=Verdict.COMPLIANT, counts={"COMPLIANT": 6}, manual=manual)
        for key, one in said.items()
        if one.counts["COMPLIANT"]
    }
    monkeypatch.setattr(type(owner.context.store), "verdicts", lambda *_: compliant)
    wanted = {
        "noncompliantEvidenceCount": 0,
        "compliantEvidenceCount": 6,
        "inconclusiveEvidenceCount": 1,
    }
    controls = owner("ListControlInsightsByControlDomain", controlDomainId=domain)
    items = controls["controlInsightsMetadata"]
    assert [item["evidenceInsights"] for item in items] == [wanted, wanted]
    assert owner("GetInsights")["insights"]["inconclusiveEvidenceCount"] == 2


def test_ended_and_deleted_assessments(owner: Any, collected: Any) -> None:
    """An INACTIVE assessment stays in the day's counts; a deleted one vanishes."""
    collected.run()
    identifier = collected.assessment.id
    owner("UpdateAssessmentStatus", assessmentId=identifier, status="INACTIVE")
    insights = owner("GetInsights")["insights"]
    assert insights["activeAssessmentsCount"] == 0
    assert insights["compliantEvidenceCount"] == 4
    owner("DeleteAssessment", assessmentId=identifier)
    assert owner("GetInsights")["insights"]["totalAssessmentControlsCount"] == 0


def test_insights_are_not_for_delegates_or_strangers(
    delegate: Any, stranger: Any, collected: Any
) -> None:
    """Delegates have no dashboard, and another tenant's counts are nobody's."""
    collected.run()
    with pytest.raises(AccessDeniedFault):
        delegate("GetInsights")
    assert stranger("GetInsights")["insights"]["totalAssessmentControlsCount"] == 0
    with pytest.raises(NotFoundFault):
        stranger("GetInsightsByAssessment", assessmentId=collected.assessment.id)


def test_several_runs_of_a_day_count_once(owner: Any, collected: Any) -> None:
    """The day's last run counts, not the sum of the day's runs; folders hold both."""
    collected.run()
    once = owner("GetInsights")["insights"]
    owner.clock.forward(minutes=5)
    collected.run()
    again = owner("GetInsights")["insights"]
    assert {k: v for k, v in again.items() if k != "lastUpdated"} == {
        k: v for k, v in once.items() if k != "lastUpdated"
    }
    (first, *_) = owner("GetEvidenceFoldersByAssessment", assessmentId=collected.assessment.id)[
        "evidenceFolders"
    ]
    assert first["totalEvidence"] == 12
