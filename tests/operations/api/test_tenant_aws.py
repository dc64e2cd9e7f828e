"""What is done on a tenant's behalf in AWS: by its bound roles, in its own buckets, or not at all.

AWS is moto on loopback, with two things that moto leaves out put before it: a role is assumed with
its external id only, and S3 refuses a bucket of another owner than the expected one.
"""

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from affidavit.aws.settings import AwsSettings
from affidavit.operations import presigned, tasks, tenants, uploads, work
from affidavit.operations.assessment_reports import KIND as REPORT
from affidavit.operations.assessment_reports import report_file
from affidavit.operations.faults import ValidationFault
from affidavit.operations.manual_items import FAILED, KEPT
from affidavit.operations.manual_items import KIND as MANUAL

OWN = "111122223333"
SERVER = "123456789012"
"""The account of the server's own credentials: moto's for any key that it did not give out."""
SERVER_KEY = "AKIASERVER"
ROLE = f"arn:aws:iam::{OWN}:role/AffidavitCollector"
CONTENT = b"control,owner\nGENAI-RESP-01,Ann\n"
_NO = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


class Aws:
    """moto, with roles that ask for their external id and buckets that know their owner."""

    def __init__(self) -> None:
        self.external_ids: dict[str, str] = {}
        """Role -> what its trust policy asks for; other roles trust nobody."""
        self.owners: dict[str, str] = {}
        """Bucket -> account."""
        self.denied: set[str] = set()
        """Paths that the role may not read or write."""
        self.asked: list[tuple[str, str, str]] = []
        """(service, access key, expected owner) of each request."""
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request as AWS would: refuse it, or hand it to moto."""
        scope = re.search(
            r"Credential=(\w+)/\d+/[\w-]*/(\w+)/", environ.get("HTTP_AUTHORIZATION", "")
        )
        key, service = scope.groups() if scope else ("", "")
        owner = environ.get("HTTP_X_AMZ_EXPECTED_BUCKET_OWNER", "")
        self.asked.append((service, key, owner))
        if service == "s3" and key != SERVER_KEY:
            bucket = environ["PATH_INFO"].split("/")[1]
            refused = self.owners.get(bucket, owner) != owner
            refused = refused or environ["PATH_INFO"] in self.denied
        else:
            refused = service == "sts" and not self._trusts(environ)
        if refused:
            start("403 Forbidden", [("Content-Type", "text/xml")])
            return [(_NO if service == "s3" else f"<R>{_NO}</R>").encode()]
        answered: Iterable[bytes] = self._moto(environ, start)
        return answered

    def _trusts(self, environ: dict[str, Any]) -> bool:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if form.get("Action") != "AssumeRole":
            return True
        asks = self.external_ids.get(form["RoleArn"])
        return asks is not None and form.get("ExternalId", "") == asks

    def bucket(self, name: str, owner: str, **objects: bytes) -> None:
        """Make a bucket of an account with these objects."""
        with closing(self.client("s3")) as s3:
            s3.create_bucket(Bucket=name)
            for key, body in objects.items():
                s3.put_object(Bucket=name, Key=key, Body=body)
        self.owners[name] = owner

    def client(self, service: str) -> Any:
        """Return a client that nothing is refused."""
        return boto3.client(
            service,
            region_name="us-east-1",
            endpoint_url=self.url,
            aws_access_key_id=SERVER_KEY,
            aws_secret_access_key="s",
        )

    def of(self, service: str) -> set[tuple[str, str]]:
        """Return (access key, expected owner) of the requests to a service."""
        return {(key, owner) for name, key, owner in self.asked if name == service}


@pytest.fixture(scope="module")
def moto() -> Iterator[Aws]:
    """Give an AWS of a few buckets."""
    aws = Aws()
    aws.bucket("evidence-bucket", OWN, **{"raci.csv": CONTENT, "secret.csv": CONTENT})
    aws.bucket("reports-bucket", OWN)
    aws.bucket("others-bucket", "444455556666", **{"raci.csv": CONTENT})
    aws.denied = {"/evidence-bucket/secret.csv"}
    yield aws
    aws.stop()


@pytest.fixture
def aws(moto: Aws) -> Aws:
    """Give the same, where nobody asked anything yet and no role trusts us."""
    moto.asked.clear()
    moto.external_ids.clear()
    return moto


@pytest.fixture
def tenant(owner: Any, aws: Aws) -> Any:
    """Give an owner whose tenant is bound to a role and buckets of its account."""
    binding = owner.bind(
        roles=[ROLE],
        evidence_buckets={"evidence-bucket": OWN, "others-bucket": OWN, "no-such-bucket": OWN},
        report_buckets={"reports-bucket": OWN, "others-bucket": OWN},
    )
    aws.external_ids[ROLE] = binding.external_id
    return _reaching(owner, aws)


def _reaching(owner: Any, aws: Aws) -> Any:
    """Return an installation whose server has credentials of its own, and reaches this AWS."""
    settings = AwsSettings(
        access_key=SERVER_KEY,
        secret_key="s",
        endpoint_url=aws.url,
        max_attempts=1,
        requests_per_second=1000,
        lookups_per_second=1000,
    )
    context = replace(owner.context, aws=settings)
    return replace(owner, context=context, dispatcher=type(owner.dispatcher)(context))


@pytest.fixture
def control(collected: Any) -> dict[str, str]:
    """Return the names of a control that wants manual evidence."""
    sets = collected.catalogue.framework.control_sets
    return next(
        {"assessmentId": collected.assessment.id, "controlSetId": s.name, "controlId": c.uuid}
        for s in sets
        for c in s.controls
        if c.manual_evidence is not None
    )


def _import(tenant: Any, control: dict[str, str], url: str) -> dict[str, Any]:
    """Import an object as manual evidence, let the worker fetch it, and return what is kept."""
    items = [{"s3ResourcePath": url}]
    operation = "BatchImportEvidenceToAssessmentControl"
    assert tenant(operation, **control, manualEvidence=items)["errors"] == []
    assert tasks.run_one(tenant.context)
    (kept,) = tenant.context.store.documents.every(tenant.caller.tenant, MANUAL)
    body: dict[str, Any] = kept.body
    return body


def test_manual_evidence_is_fetched_by_the_bound_role(
    tenant: Any, aws: Aws, control: dict[str, str]
) -> None:
    """Content, size and digest are kept; the server's own credentials only assumed the role."""
    kept = _import(tenant, control, "s3://evidence-bucket/raci.csv")
    assert (kept["state"], kept["size"]) == (KEPT, len(CONTENT))
    assert kept["sha256"] == sha256(CONTENT).hexdigest()
    path = tenant.context.store.attachments.path(tenant.caller.tenant, kept["sha256"])
    assert path.read_bytes() == CONTENT
    assert kept["sha256"] in tenant.leaves()[-1]["details"]
    assert [owner for _, owner in aws.of("s3")] == [OWN]
    assert SERVER_KEY not in {key for key, _ in aws.of("s3")}
    assert SERVER_KEY in {key for key, _ in aws.of("sts")}


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("s3://evidence-bucket/missing.csv", "NoSuchKey"),
        ("s3://no-such-bucket/raci.csv", "NoSuchBucket"),
        ("s3://evidence-bucket/secret.csv", "AccessDenied|Access Denied"),
        ("s3://others-bucket/raci.csv", "AccessDenied|Access Denied"),
        ("s3://evidence-bucket/large.csv", f"It may have {uploads.MAX_BYTES} bytes"),
    ],
    ids=["missing", "no bucket", "denied", "another owner", "too large"],
)
def test_what_s3_refuses_is_told_at_once(
    tenant: Any, aws: Aws, control: dict[str, str], url: str, says: str
) -> None:
    """FAILED with the reason, not tried again; nothing is kept of it."""
    if "large" in url:
        with closing(aws.client("s3")) as s3:
            big = b"\0" * (uploads.MAX_BYTES + 1)
            s3.put_object(Bucket="evidence-bucket", Key="large.csv", Body=big)
    kept = _import(tenant, control, url)
    assert kept["state"] == FAILED
    assert re.search(says, kept["why"]), kept["why"]
    assert tenant.context.store.documents.every(tenant.caller.tenant, work.KIND) == []
    assert not list(Path(tenant.context.settings.home).rglob("attachments/*"))


def test_a_wrong_external_id_is_no_way_in(tenant: Any, aws: Aws, control: dict[str, str]) -> None:
    """A role that asks for another external id is not assumed, and S3 is not asked at all."""
    aws.external_ids[ROLE] = "of another tenant"
    items = [{"s3ResourcePath": "s3://evidence-bucket/raci.csv"}]
    tenant("BatchImportEvidenceToAssessmentControl", **control, manualEvidence=items)
    assert tasks.run_one(tenant.context)
    (waiting,) = tenant.context.store.documents.every(tenant.caller.tenant, work.KIND)
    assert f"Account {OWN} cannot be entered by the role {ROLE}" in waiting.body["why"]
    assert aws.of("s3") == set()


@pytest.fixture
def selected(tenant: Any, collected: Any) -> dict[str, str]:
    """Return an assessment whose only folder is selected for reports."""
    collected.run(judged=False)
    ask = {"assessmentId": str(collected.assessment.id)}
    folder = tenant("GetEvidenceFoldersByAssessment", **ask)["evidenceFolders"][0]
    tenant("AssociateAssessmentReportEvidenceFolder", **ask, evidenceFolderId=folder["id"])
    return ask


def _report(tenant: Any, selected: dict[str, str], destination: str) -> Any:
    """Ask for a report to a destination, let the worker build it, and return its document."""
    there = {"destinationType": "S3", "destination": destination}
    tenant("UpdateAssessment", **selected, scope={}, assessmentReportsDestination=there)
    made = tenant("CreateAssessmentReport", **selected, name="r")["assessmentReport"]
    assert tasks.run_one(tenant.context)
    return tenant.context.store.documents.get(tenant.caller.tenant, REPORT, made["id"])


def test_a_report_is_written_validated_and_deleted_in_its_bucket(
    tenant: Any, aws: Aws, selected: dict[str, str]
) -> None:
    """COMPLETE: the object is the file that the URL gives, verifies, and goes when deleted."""
    report = _report(tenant, selected, "s3://reports-bucket/audit/2026")
    assert report.body["status"] == "COMPLETE", report.body.get("_reason")
    key = f"audit/2026/r-{report.id}.zip"
    with closing(aws.client("s3")) as s3:
        written = s3.get_object(Bucket="reports-bucket", Key=key)["Body"].read()
    place = {**selected, "assessmentReportId": report.id}
    link = urlsplit(tenant("GetAssessmentReportUrl", **place)["preSignedUrl"]["link"])
    query = {name: values[0] for name, values in parse_qs(link.query).items()}
    given = presigned.check(tenant.context, "GET", link.path, query)
    assert given is not None
    found = report_file(tenant.context, given.tenant, given.id)
    assert found is not None
    assert found[0].read_bytes() == written
    url = f"s3://reports-bucket/{key}"
    told = tenant("ValidateAssessmentReportIntegrity", s3RelativePath=url)
    assert (told["signatureValid"], told["validationErrors"]) == (True, [])
    tenant("DeleteAssessmentReport", **place)
    assert tasks.run_one(tenant.context)
    with closing(aws.client("s3")) as s3:
        assert s3.list_objects_v2(Bucket="reports-bucket").get("Contents", []) == []
    with pytest.raises(ValidationFault, match="cannot be read"):
        tenant("ValidateAssessmentReportIntegrity", s3RelativePath=url)


def test_a_report_is_encrypted_under_the_key_of_its_assessment(
    tenant: Any, aws: Aws, collected: Any, selected: dict[str, str]
) -> None:
    """The key that was set when the assessment was made; taken back, the report FAILS."""
    key = "arn:aws:kms:eu-west-1:222233334444:key/1"
    tenant.bind(keys=[key])
    _report(tenant, selected, "s3://reports-bucket")
    documents, name = tenant.context.store.documents, tenant.caller.tenant
    kept = documents.get(name, "assessment", collected.assessment.id)
    put = replace(kept, body={**kept.body, "_kmsKey": key})
    documents.act(name, now=tenant.context.now(), puts=[put])
    report = _report(tenant, selected, "s3://reports-bucket")
    with closing(aws.client("s3")) as s3:
        head = s3.head_object(Bucket="reports-bucket", Key=f"r-{report.id}.zip")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)
    store = tenant.context.store
    tenants.unbind(store, name, tenants.Revocation(keys=[key]), by="test")
    failed = _report(tenant, selected, "s3://reports-bucket")
    assert failed.body["status"] == "FAILED"
    assert "nor bound" in failed.body["_reason"]


def test_a_bucket_of_another_owner_takes_no_report(tenant: Any, selected: dict[str, str]) -> None:
    """Bound under the wrong account, S3 itself refuses: FAILED, with the reason in words."""
    report = _report(tenant, selected, "s3://others-bucket")
    assert report.body["status"] == "FAILED"
    assert "Access Denied" in report.body["_reason"]


def test_a_report_of_an_unbound_tenant_says_what_to_do(
    owner: Any, aws: Aws, selected: dict[str, str]
) -> None:
    """No bucket is written with the server's own credentials: FAILED, with the reason."""
    unbound = _reaching(owner, aws)
    tenants.unbind(owner.context.store, owner.caller.tenant, tenants.Revocation(), by="test")
    report = _report(unbound, selected, "s3://reports-bucket")
    assert report.body["status"] == "FAILED"
    assert "reports-bucket is not bound to this tenant" in report.body["_reason"]
    assert aws.asked == []


def _collected(tenant: Any, an_assessment: Any, **members: Any) -> tuple[str, list[Any]]:
    """Collect a control of one API call; return the assessment's id and its evidence."""
    keyword = {"keywordInputType": "SELECT_FROM_LIST", "keywordValue": "iam_GetAccountSummary"}
    source = {"sourceName": "u", "sourceType": "AWS_API_Call", "sourceKeyword": keyword}
    made = tenant("CreateControl", name="Users", controlMappingSources=[source])["control"]
    sets = [{"name": "Set", "controls": [{"id": made["id"]}]}]
    framework = tenant("CreateAssessmentFramework", name="F", controlSets=sets)["framework"]
    identifier = an_assessment(frameworkId=framework["id"], **members)["metadata"]["id"]
    assert tasks.run_one(tenant.context)
    day = tenant.context.now().date()
    evidence = tenant.context.store.evidence(identifier, day, day)
    return identifier, [one for _, one in evidence]


def test_a_collection_goes_by_the_bound_role(tenant: Any, aws: Aws, an_assessment: Any) -> None:
    """Also in an account like any other; our own credentials ask STS and nothing else."""
    tenant.bind(report_buckets={"northwind-reports": OWN})
    _, evidence = _collected(tenant, an_assessment)
    assert {one.account_id for one in evidence} == {OWN}
    assert not [one for one in evidence if one.gap]
    assert SERVER_KEY not in {key for key, _ in aws.of("iam")}
    assert {name for name, key, _ in aws.asked if key == SERVER_KEY} == {"sts"}


def test_the_servers_own_account_needs_a_binding_too(owner: Any, aws: Aws) -> None:
    """Unbound, nothing is asked and every control stays open with the command that binds it."""
    arn = f"arn:aws:iam::{SERVER}:role/AuditOwner"
    own = _reaching(owner, aws).as_(account_id=SERVER, principal_arn=arn)
    own.as_(role="admin")("RegisterAccount")
    make = _maker(own)
    identifier, evidence = _collected(own, make)
    assert aws.asked == []
    (one,) = evidence
    assert (one.account_id, one.gap) == (SERVER, "denied")
    assert f"No role is bound for account {SERVER}" in one.reason
    assert f"affidavit tenant bind {SERVER}/us-east-1" in one.reason
    day = own.context.now().date()
    ((_, run),) = own.context.store.run_records(own.caller.tenant, day, day)
    assert (run["assessment_id"], run["accounts"]) == (identifier, [])
    assert [left[0] for left in run["left_out"]] == [SERVER]
    own.bind(ambient=True, report_buckets={"northwind-reports": SERVER})
    _, evidence = _collected(own, make)
    assert not [one for one in evidence if one.gap]
    assert SERVER_KEY in {key for key, _ in aws.of("iam")}


def _maker(installation: Any) -> Callable[..., dict[str, Any]]:
    """Return the maker of assessments for another caller."""

    def make(**members: Any) -> dict[str, Any]:
        request = {
            "name": "Own account",
            "assessmentReportsDestination": {
                "destinationType": "S3",
                "destination": "s3://northwind-reports",
            },
            "scope": {},
            "roles": [],
            **members,
        }
        made: dict[str, Any] = installation("CreateAssessment", **request)["assessment"]
        return made

    return make


def test_ambient_is_of_the_one_account_that_we_are(
    owner: Any, aws: Aws, an_assessment: Any
) -> None:
    """A tenant bound to credentials of another account than its own is not collected as that."""
    other = _reaching(owner, aws)
    other.bind(ambient=True, report_buckets={"northwind-reports": OWN})
    _, evidence = _collected(other, an_assessment)
    (one,) = evidence
    assert f"which are of account {SERVER}" in one.reason
    assert aws.of("iam") == set()
