"""The verdict of a control for a day: the catalogue's rule, case by case."""

from dataclasses import replace

import pytest
from tests.samples import EVIDENCE

from affidavit import catalogue
from affidavit.collector.verdicts import ControlTally, Tally
from affidavit.model.evidence import Evidence
from affidavit.model.observation import GapReason
from affidavit.model.verdict import Standing, Verdict

JUDGED = EVIDENCE
GOOD = JUDGED
BAD = replace(JUDGED, verdict=Verdict.NON_COMPLIANT)
NOTHING = replace(
    JUDGED,
    verdict=Verdict.NOT_APPLICABLE,
    standing=Standing.OUT_OF_SCOPE,
    gap=GapReason.NOTHING_TO_COLLECT.value,
)
OUT = replace(JUDGED, verdict=Verdict.NOT_APPLICABLE, standing=Standing.OUT_OF_SCOPE)
OPEN = replace(JUDGED, verdict=Verdict.NOT_APPLICABLE, standing=Standing.UNDECIDED)
DENIED = replace(OPEN, gap=GapReason.DENIED.value)
ACTIVITY = replace(
    JUDGED, verdict=Verdict.NOT_APPLICABLE, standing=Standing.ACTIVITY, check_id="", gap=""
)
ACTIVITY_DENIED = replace(ACTIVITY, gap=GapReason.DENIED.value)
UNKNOWN = Verdict.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("records", "verdict"),
    [
        ([], UNKNOWN),
        ([GOOD], Verdict.COMPLIANT),
        ([GOOD, BAD], Verdict.NON_COMPLIANT),
        ([BAD, DENIED], Verdict.NON_COMPLIANT),
        ([GOOD, DENIED], UNKNOWN),
        ([GOOD, OPEN], UNKNOWN),
        ([GOOD, NOTHING, OUT], Verdict.COMPLIANT),
        ([NOTHING], UNKNOWN),
        ([OUT], UNKNOWN),
        ([ACTIVITY], UNKNOWN),
        ([GOOD, ACTIVITY, ACTIVITY_DENIED], Verdict.COMPLIANT),
    ],
)
def test_the_rule(records: list[Evidence], verdict: Verdict) -> None:
    """Worst first, unknown before compliant, activity never decides; the order does not matter."""
    control = next(catalogue.load().framework.controls())
    for order in (records, records[::-1]):
        tally = ControlTally(control)
        for record in order:
            tally.add(record)
        assert tally.result("").verdict is verdict


def test_counts_say_judged_of_expected() -> None:
    """A result tells records, accounts and Regions that were judged, and what is open."""
    control = next(catalogue.load().framework.controls())
    tally = ControlTally(control)
    elsewhere = replace(GOOD, region="eu-central-1", account_id="444455556666")
    for record in (GOOD, BAD, elsewhere, DENIED, NOTHING, ACTIVITY):
        tally.add(record)
    result = tally.result("missing")
    assert (result.judged, result.expected, result.accounts, result.regions) == (3, 4, 2, 2)
    assert result.gaps == {"denied": 1, "nothing_to_collect": 1}
    assert result.counts == {"COMPLIANT": 2, "NON_COMPLIANT": 1, "NOT_APPLICABLE": 3}
    assert result.manual == "missing"


def test_all_controls_have_a_result() -> None:
    """Controls without a record are inconclusive; partial ones miss their manual part."""
    framework = catalogue.load().framework
    tally = Tally(framework)
    tally.add([replace(GOOD, synthetic=True)])
    results = tally.results({"GENAI-RESP-01": "present"})
    assert len(results) == 52
    assert tally.synthetic
    assert results["GENAI-RESP-01"].manual == "present"
    assert results["GENAI-RESP-02"].manual == "missing"
    assert results["GENAI-RESP-06"].manual == ""
    assert results["GENAI-RESP-06"].verdict is UNKNOWN
