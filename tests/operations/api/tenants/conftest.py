"""AWS as tenants are served in it: moto on loopback, and what moto leaves out put before it.

A role is assumed with its external id only, and S3 refuses a bucket of another owner than the
expected one.
"""

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from affidavit.aws.settings import AwsSettings

OWN = "111122223333"
SERVER_KEY = "AKIASERVER"
"""Of the server's own credentials, of moto's account for any key that it did not give out."""
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
        """Paths of S3 that the role may not read or write; "kms": no key may be used."""
        self.down = False
        """STS answers 503."""
        self.asked: list[tuple[str, str, str]] = []
        """(service, access key, expected owner) of each request."""
        self.server_key = SERVER_KEY
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
        if service == "kms" and "kms" in self.denied:
            start("400 Bad Request", [("Content-Type", "application/x-amz-json-1.1")])
            return [b'{"__type": "AccessDeniedException", "message": "not authorized"}']
        if self.down and service == "sts":
            start("503 Service Unavailable", [("Content-Type", "text/xml")])
            return [b"<R><Error><Code>ServiceUnavailable</Code></Error></R>"]
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
    moto.down = False
    return moto


@pytest.fixture
def tenant(owner: Any, aws: Aws, reaching: Callable[[Any], Any]) -> Any:
    """Give an owner whose tenant is bound to a role and buckets of its account."""
    binding = owner.bind(
        roles=[ROLE],
        evidence_buckets={"evidence-bucket": OWN, "others-bucket": OWN, "no-such-bucket": OWN},
        report_buckets={"reports-bucket": OWN, "others-bucket": OWN},
    )
    aws.external_ids[ROLE] = binding.external_id
    return reaching(owner)


@pytest.fixture
def reaching(aws: Aws) -> Callable[[Any], Any]:
    """Return the way to let an installation's server, with its own credentials, reach this AWS."""
    settings = AwsSettings(
        access_key=SERVER_KEY,
        secret_key="s",
        endpoint_url=aws.url,
        max_attempts=1,
        requests_per_second=1000,
        lookups_per_second=1000,
    )

    def reach(installation: Any) -> Any:
        context = replace(installation.context, aws=settings)
        dispatcher = type(installation.dispatcher)(context)
        return replace(installation, context=context, dispatcher=dispatcher)

    return reach
