"""The main job against MiniStack: an emulator that we did not write, reached without --demo."""

import io
import os
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pypdf
import pytest

from affidavit.aws.settings import AwsSettings
from affidavit.model.verdict import Verdict
from affidavit.operations import runs
from affidavit.operations.reports import verify_report
from affidavit.operations.runs import RunOutcome
from affidavit.settings import Settings

pytestmark = pytest.mark.slow

REGION = "us-east-1"
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "emulators.md"


def _seed(url: str) -> None:
    """Make a little of everything that MiniStack knows, by boto3."""

    def client(service: str) -> object:
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    s3 = client("s3")
    s3.create_bucket(Bucket="assistant-logs")  # type: ignore[attr-defined]
    s3.put_bucket_versioning(  # type: ignore[attr-defined]
        Bucket="assistant-logs", VersioningConfiguration={"Status": "Enabled"}
    )
    bedrock = client("bedrock")
    bedrock.put_model_invocation_logging_configuration(  # type: ignore[attr-defined]
        loggingConfig={
            "s3Config": {"bucketName": "assistant-logs"},
            "textDataDeliveryEnabled": True,
        }
    )
    bedrock.create_guardrail(  # type: ignore[attr-defined]
        name="basic", blockedInputMessaging="no", blockedOutputsMessaging="no"
    )
    iam = client("iam")
    iam.create_user(UserName="alice")  # type: ignore[attr-defined]
    trail = client("cloudtrail")
    trail.create_trail(Name="main", S3BucketName="assistant-logs", IsMultiRegionTrail=True)  # type: ignore[attr-defined]
    trail.start_logging(Name="main")  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def outcome(ministack: str, tmp_path_factory: pytest.TempPathFactory) -> RunOutcome:
    """Run once against a seeded MiniStack."""
    _seed(ministack)
    folder = tmp_path_factory.mktemp("run")
    request = runs.RunRequest(
        aws=AwsSettings(
            access_key="test", secret_key="test", endpoint_url=ministack, region=REGION
        ),
        regions=(REGION,),
    )
    settings = Settings(home=folder / "home", keys=folder / "keys")
    return runs.run(request, settings, out=folder / "out")


def test_the_mark_is_everywhere(outcome: RunOutcome) -> None:
    """Record, manifest, PDF and verification say SYNTHETIC, though nobody asked for --demo."""
    assert outcome.summary.record.synthetic
    assert outcome.report is not None
    with zipfile.ZipFile(outcome.report) as archive:
        assert b'"synthetic":true' in archive.read("manifest.json").replace(b" ", b"")
        pages = pypdf.PdfReader(io.BytesIO(archive.read("report.pdf"))).pages
    assert all("SYNTHETIC" in page.extract_text() for page in pages)
    verified = verify_report(outcome.report, str(outcome.key), again=True)
    assert verified.verified
    assert verified.facts["synthetic"] is True


def test_something_is_decided_and_the_rest_says_why(outcome: RunOutcome) -> None:
    """At least ten controls are decided; every other one has a gap or nothing to judge."""
    controls = outcome.summary.record.controls
    decided = [c for c in controls.values() if c.verdict is not Verdict.NOT_APPLICABLE]
    assert len(decided) >= 10
    assert all(c.gaps or c.counts["NOT_APPLICABLE"] for c in controls.values() if c not in decided)


def test_the_page_is_true(outcome: RunOutcome) -> None:
    """docs/reference/emulators.md says which controls get which verdict and gaps here."""
    text = PAGE.read_text(encoding="utf-8")
    if os.environ.get("AFFIDAVIT_WRITE_DOCS"):
        text = text[: text.index("## MiniStack")] + page(outcome)
        PAGE.write_text(text, encoding="utf-8")
    assert page(outcome) == text[text.index("## MiniStack") :]


def page(outcome: RunOutcome) -> str:
    """Return the part of the page that this run gives."""
    lines = [
        "## MiniStack",
        "",
        "One account seeded with a bucket, an invocation logging configuration, a guardrail, a",
        "user and a trail (`tests/operations/test_ministack_run.py`, which compares this table).",
        "",
        "| Control | Verdict | Judged of expected | Gaps |",
        "|---|---|---|---|",
    ]
    for name, control in sorted(outcome.summary.record.controls.items()):
        gaps = ", ".join(sorted(reason.replace("_", " ") for reason in control.gaps)) or "-"
        words = control.verdict.words
        lines.append(f"| {name} | {words} | {control.judged} of {control.expected} | {gaps} |")
    return "\n".join(lines) + "\n"


def test_times_are_of_now(outcome: RunOutcome) -> None:
    """The run is of today."""
    assert outcome.summary.record.day == outcome.summary.record.started_at.astimezone(UTC).date()
    assert outcome.summary.record.started_at <= datetime.now(UTC)
