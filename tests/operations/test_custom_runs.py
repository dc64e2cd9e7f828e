"""Custom frameworks collected from the command line."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from affidavit import catalogue as catalogues
from affidavit.errors import UsageError
from affidavit.model.verdict import Verdict
from affidavit.operations import runs
from affidavit.operations.assessment_frameworks import create_assessment_framework
from affidavit.operations.assessments import get_assessment
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.controls import create_control
from affidavit.operations.owners import iam_arn
from affidavit.operations.reports import verify_report
from affidavit.settings import Settings
from affidavit.store import open_store

Use = Callable[[Callable[[Context, Caller], Any]], Any]


@pytest.fixture
def use(settings: Settings, healthy: runs.RunRequest) -> Use:
    """Return what calls a function with a context of the store and an owner of its tenant."""
    caller = Caller(
        account_id=healthy.accounts[0],
        region=healthy.aws.region,
        principal_arn=f"arn:aws:iam::{healthy.accounts[0]}:role/AuditOwner",
        role="owner",
        request_id="test",
    )

    def used(function: Callable[[Context, Caller], Any]) -> Any:
        with open_store(settings) as store:
            context = Context(store=store, catalogue=catalogues.load(), settings=settings)
            return function(context, caller)

    return used


def _made(context: Context, caller: Caller) -> str:
    """Return the id of a new custom framework: one control of a rule, and one of data."""
    keywords = {"AWS_Config": "Custom_s3-bucket-versioning-enabled", "AWS_API_Call": "kms_ListKeys"}
    controls = []
    for kind, keyword in keywords.items():
        source = {
            "sourceName": keyword,
            "sourceType": kind,
            "sourceKeyword": {"keywordInputType": "SELECT_FROM_LIST", "keywordValue": keyword},
        }
        request = {"name": keyword, "controlMappingSources": [source]}
        controls.append({"id": create_control(context, caller, request)["control"]["id"]})
    sets = [{"name": "Own", "controls": controls}]
    request = {"name": "Our framework", "controlSets": sets}
    made = create_assessment_framework(context, caller, request)
    return str(made["framework"]["id"])


def test_a_custom_framework_is_run_by_its_id(
    use: Use, settings: Settings, healthy: runs.RunRequest, tmp_path: Path
) -> None:
    """Its controls are collected, judged again from the report, and shown by the API."""
    identifier = use(_made)
    request = replace(healthy, framework=identifier, name="Ours", parameters={})
    outcome = runs.run(request, settings, out=tmp_path)
    verdicts = {v.verdict for v in outcome.summary.record.controls.values()}
    assert verdicts == {Verdict.NON_COMPLIANT, Verdict.NOT_APPLICABLE}
    assert outcome.report is not None
    verified = verify_report(outcome.report, str(outcome.key), again=True)
    assert verified.verified, verified.failure
    asked = {"assessmentId": outcome.assessment.id}
    runner = iam_arn(outcome.assessment.created_by)
    shown = use(
        lambda context, caller: get_assessment(
            context, replace(caller, principal_arn=runner), asked
        )
    )["assessment"]
    assert shown["framework"]["metadata"]["name"] == "Our framework"
    assert shown["framework"]["controlSets"][0]["id"] == "Own"
    again = runs.run(request, settings)
    assert again.assessment.id == outcome.assessment.id
    with pytest.raises(UsageError, match="has another framework"):
        runs.run(replace(request, framework="genai-v1"), settings)


def test_an_unknown_framework_is_named(
    use: Use, settings: Settings, healthy: runs.RunRequest
) -> None:
    """An id that the tenant does not have says which it has; what is no id is refused at once."""
    identifier = use(_made)
    unknown = "00000000-0000-4000-8000-000000000000"
    with pytest.raises(UsageError, match="There is no framework") as caught:
        runs.run(replace(healthy, framework=unknown), settings)
    assert identifier in caught.value.why
    with pytest.raises(UsageError, match="named by their UUID"):
        runs.run(replace(healthy, framework="nist"), settings)
