"""A kept run of prompts becomes manual evidence of a served installation, by the public API."""

from pathlib import Path
from typing import Any

import pytest
from tests.server import test_life as life

from affidavit.aws.manual_evidence import ControlPlace, add_files
from affidavit.aws.settings import AwsSettings
from affidavit.errors import CollectError
from affidavit.operations.prompt_evidence import files_of
from affidavit.operations.prompt_showing import KeptRun

installation = life.installation
pytestmark = pytest.mark.slow


def _kept(**more: Any) -> KeptRun:
    case = {
        "case": "1.1#1",
        "family": "phones",
        "verdict": "failed",
        "answer": {"text": "Call {PHONE}"},
        "outcomes": [
            {"assertion": "no-pii", "value": False, "score": 0, "reason": "Found: PHONE."}
        ],
    }
    run = {
        **dict.fromkeys(("guardrailId", "guardrailVersion", "callerArn", "region"), ""),
        "suite": "pii",
        "suiteDigest": "d",
        "modelId": "m",
        "accountId": "1",
        "runId": "r1",
        "finishedAt": "2026-11-30T10:00:00Z",
        "synthetic": True,
        **more,
    }
    return KeptRun(tenant="1/us-east-1", run=run, cases=[case], metrics={})


def test_a_run_is_manual_evidence(installation: life.Installation) -> None:
    """Two files stand in the control's folder of today; a control that is not there is named."""
    admin, owner = installation.client("admin"), installation.client("owner")
    admin.register_account()
    framework_id, control_id = life._framework_with_own_control(owner)
    assessment = life._create(owner, installation.account, framework_id)
    folders = life._wait_for("the first collection", lambda: life._folders(owner, assessment))
    folder = next(one for one in folders if one["controlId"] == control_id)
    key = owner._request_signer._credentials
    aws = AwsSettings(
        access_key=key.access_key,
        secret_key=key.secret_key,
        endpoint_url=installation.url,
        region=installation.region,
    )
    place = ControlPlace(
        assessment_id=assessment["assessmentId"],
        control_set_id=folder["controlSetId"],
        control_id=control_id,
    )
    names = add_files(aws, place, files_of(_kept()))
    assert names == ["prompts-pii-r1.json", "prompts-pii-r1.txt"]
    found = life._folders(owner, assessment)
    manual = [one for one in found if one["evidenceByTypeManualCount"]]
    assert [one["evidenceByTypeManualCount"] for one in manual] == [2]
    wrong = ControlPlace(
        assessment_id=assessment["assessmentId"],
        control_set_id=folder["controlSetId"],
        control_id="00000000-0000-0000-0000-000000000000",
    )
    with pytest.raises(CollectError, match=r"did not take|Not all"):
        add_files(aws, wrong, files_of(_kept(runId="r2")))


def test_nobody_there_is_said_in_words(tmp_path: Path) -> None:
    """Where no server answers, the error says so; too many files are refused before."""
    del tmp_path
    aws = AwsSettings(
        access_key="x",
        secret_key="y",
        endpoint_url="http://127.0.0.1:9",
        region="us-east-1",
        call_timeout=2,
    )
    place = ControlPlace(assessment_id="a" * 36, control_set_id="s", control_id="c" * 36)
    with pytest.raises(CollectError, match="did not take"):
        add_files(aws, place, files_of(_kept()))
    with pytest.raises(CollectError, match="cannot be added at once"):
        add_files(aws, place, {})


def test_the_page_says_what_failed() -> None:
    """The page for people has the mark, the counts, and each case that did not pass with why."""
    page = files_of(_kept())["prompts-pii-r1.txt"].decode()
    assert page.startswith("SYNTHETIC")
    assert "0 of 1 cases passed, 1 failed" in page
    assert "- 1.1#1 (phones), failed: Found: PHONE." in page
    assert not files_of(_kept(synthetic=False))["prompts-pii-r1.txt"].startswith(b"SYNTHETIC")
