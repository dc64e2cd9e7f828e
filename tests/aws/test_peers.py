"""The synthetic mark: what is AWS by botocore's own rules, and everything else."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.session import Session

from affidavit.aws.clients import trusts_usual_authorities
from affidavit.aws.door import Door
from affidavit.aws.peers import is_local, not_aws, origin, regional_sts, resolves, synthetic
from affidavit.aws.settings import AwsSettings
from affidavit.model.observation import Observation


class _SeenError(Exception):
    """Carries the URL that a client was about to call."""


@pytest.mark.parametrize(
    "region", ["us-east-1", "eu-west-1", "cn-north-1", "us-gov-west-1", "mx-central-1"]
)
@pytest.mark.parametrize(
    ("service", "method", "parameters"),
    [
        ("bedrock", "list_guardrails", {}),
        ("bedrock-agent", "list_agents", {}),
        ("cloudwatch", "describe_alarms", {}),
        ("iam", "get_account_summary", {}),
        ("s3", "get_bucket_policy", {"Bucket": "plain-bucket"}),
        ("s3", "get_bucket_policy", {"Bucket": "dotted.bucket.us-east-1"}),
        ("s3", "list_buckets", {}),
        ("s3control", "get_public_access_block", {"AccountId": "123456789012"}),
        ("sts", "get_caller_identity", {}),
        ("organizations", "list_accounts", {}),
    ],
)
def test_what_an_untouched_client_would_call_is_real(
    region: str, service: str, method: str, parameters: dict[str, Any]
) -> None:
    """The URL of each service in each partition is real over verified HTTPS, else synthetic."""
    session = Session()
    session.set_credentials("a", "b")
    client: Any = session.create_client(service, region_name=region)

    def see(request: Any, **_: Any) -> None:
        raise _SeenError(request.url)

    client.meta.events.register("before-send", see)
    with pytest.raises(_SeenError) as caught:
        getattr(client, method)(**parameters)
    url = str(caught.value)
    assert not synthetic(url, service, verified=True)
    assert synthetic(url, service, verified=False)
    assert synthetic(url.replace("https:", "http:"), service, verified=True)
    client.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:5000/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://s3.amazonaws.com.evil.example/",
        "https://evil-s3.amazonaws.com/",
        "https://amazonaws.com/",
        "https://s3.eu-west-1.amazonaws.com:8443/",
        "https://s3.mars-north-1.amazonaws.com/",
        "https://ec2.eu-west-1.amazonaws.com/",
        "https://user@s3.eu-west-1.amazonaws.com/",
        "https:///",
        "",
    ],
)
def test_everything_else_is_synthetic(url: str) -> None:
    """Another host, port, service or scheme is not what botocore's rules give for S3."""
    assert synthetic(url, "s3", verified=True)


def test_fips_and_dual_stack_hosts_are_real() -> None:
    """The variants that AWS offers are AWS's too."""
    for host in ("bedrock-fips.us-east-1.amazonaws.com", "bedrock.us-east-1.api.aws"):
        assert not synthetic(f"https://{host}/guardrails", "bedrock", verified=True)


def test_an_unknown_service_is_synthetic() -> None:
    """Where botocore has no rules nothing can be known to be AWS."""
    assert synthetic("https://x.us-east-1.amazonaws.com", "no-such-service", verified=True)


def test_local_hosts_and_origins() -> None:
    """Addresses and localhost are local; an origin has no path, query or user."""
    assert is_local("http://127.0.0.1:1")
    assert is_local("http://[::1]:1")
    assert is_local("http://a.localhost")
    assert not is_local("https://s3.amazonaws.com")
    assert origin("https://u:p@s3.amazonaws.com:444/b?x=1") == "https://s3.amazonaws.com:444"


def test_names_are_looked_up() -> None:
    """A literal address has a name, an impossible one has none."""
    assert resolves("127.0.0.1")
    assert not resolves("x" * 64 + ".invalid")  # too long to be asked for
    assert "sts.eu-west-1.amazonaws.com" in regional_sts("eu-west-1")


def test_one_strange_peer_makes_a_question_synthetic() -> None:
    """All hosts that answered count, not the last one; no host at all is not AWS either."""
    real, strange = "https://s3.eu-west-1.amazonaws.com", "https://s3.example"
    assert not not_aws({real}, "s3", verified=True)
    assert not_aws({real, strange}, "s3", verified=True)
    assert not_aws(set(), "s3", verified=True)
    assert not_aws({real}, "s3", verified=False)


@pytest.mark.parametrize(
    "url",
    [
        "https://s3.amazonaws.com./",
        "https://[::1]/",
        "https://evil.example\\@s3.amazonaws.com/",
        "https://evil.example#.s3.amazonaws.com/",
        "https://evil.example?.s3.amazonaws.com/",
        "https://s3.amazonaws.com\n.evil.example/",
        "https://s3.amazonaws.com%2eevil.example/",
        "https://s3.us-east-1.amazonaws.com:444/",
    ],
)
def test_host_tricks_are_synthetic(url: str) -> None:
    """What only looks like a host of AWS to a careless reader is not one."""
    assert synthetic(url, "s3", verified=True)


def test_who_answers_for_the_account_counts(
    make_door: Any, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A made-up STS could call any account ours: what is then observed of AWS is synthetic too."""
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    a = asked("bedrock", "ListGuardrails")
    for host, expected in (("sts.us-east-1.amazonaws.com", False), ("sts.example", True)):
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"https://{host}")
        door: Door = make_door("")
        _answer_without_network(door)
        seen = door.call(a.operation, a.unit)
        assert isinstance(seen, Observation), seen
        assert seen.proof.endpoint == "https://bedrock.us-east-1.amazonaws.com"
        assert seen.proof.synthetic is expected
        assert door.identity().synthetic is expected


def test_authorities_of_ones_own_are_synthetic(
    make_door: Any, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever names the certificate authorities can be any host: that is not verified."""
    monkeypatch.setenv("AWS_CA_BUNDLE", _authorities())
    door: Door = make_door("")
    _answer_without_network(door)
    a = asked("bedrock", "ListGuardrails")
    seen = door.call(a.operation, a.unit)
    assert isinstance(seen, Observation)
    assert (seen.proof.endpoint, seen.proof.synthetic) == (
        "https://bedrock.us-east-1.amazonaws.com",
        True,
    )
    monkeypatch.delenv("AWS_CA_BUNDLE")
    session = Session()
    assert trusts_usual_authorities(AwsSettings(), session)
    assert not trusts_usual_authorities(AwsSettings(ca_bundle="own.pem"), session)
    assert not trusts_usual_authorities(AwsSettings(verify_tls=False), session)


def _authorities() -> str:
    """Return a file of certificate authorities that exists: botocore's own."""
    return str(Path(botocore.__file__).with_name("cacert.pem"))


def _answer_without_network(door: Door) -> None:
    """Answer STS and Bedrock where requests would go out: by botocore's own hook, no network."""
    who = (
        "<GetCallerIdentityResponse><GetCallerIdentityResult>"
        "<Arn>arn:aws:iam::123456789012:user/x</Arn><Account>123456789012</Account>"
        "</GetCallerIdentityResult></GetCallerIdentityResponse>"
    )

    def answer(request: Any, **_: Any) -> AWSResponse:
        body = who if "sts" in request.url else '{"guardrails": []}'
        raw = SimpleNamespace(stream=lambda: iter([body.encode()]))
        return AWSResponse(request.url, 200, HTTPHeaders(), raw)

    made = door._means.clients._make

    def make(session: Session, region: str, service: str) -> Any:
        client = made(session, region, service)
        client.meta.events.register_last("before-send", answer)
        return client

    door._means.clients._make = make  # type: ignore[method-assign]
