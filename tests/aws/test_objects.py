"""S3 URLs: what is a bucket and a key, and what would lead elsewhere."""

from typing import Any

import pytest

from affidavit.aws.objects import Objects, split
from affidavit.aws.settings import AwsSettings, Bound, BoundRole
from affidavit.errors import CollectError, ObjectError

OWN = "123456789012"


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("s3://bucket/a/b.csv", ("bucket", "a/b.csv")),
        ("S3://my.bucket-1/a b (1)+ü?x=y", ("my.bucket-1", "a b (1)+ü?x=y")),
        ("s3://bucket//a..b/...", ("bucket", "/a..b/...")),
        ("s3://bucket", ("bucket", "")),
        ("s3://bucket/", ("bucket", "")),
    ],
)
def test_bucket_and_key(url: str, place: tuple[str, str]) -> None:
    """A key is taken as it is; a bucket without one is a place to write below."""
    assert split(url) == place


@pytest.mark.parametrize(
    "url",
    [
        *("", "bucket/key", "https://bucket.s3.amazonaws.com/key", "file:///etc/passwd"),
        *("s3:/bucket/key", "s3:///key", "s3://b/key", "s3://Bucket/key", "s3://bücket/key"),
        *("s3://user@bucket/key", "s3://bucket:443/key", "s3://bucket?x/key", "s3://a..b/key"),
        *("s3://127.0.0.1/key", "s3://xn--bucket/key", "s3://bucket-s3alias/key"),
        *("s3://bucket--use1-az4--x-s3/key", "s3://bucket--ol-s3/key", "s3://ab12.mrap/key"),
        "s3://arn:aws:s3:us-east-1:111122223333:accesspoint/own/key",
        "s3://arn:aws:s3::111122223333:accesspoint:ab12.mrap/key",
        *("s3://bucket/..", "s3://bucket/../other/key", "s3://bucket/a/./b", "s3://bucket/a/.."),
        *("s3://bucket/a\nb", "s3://bucket/a\x7f", f"s3://bucket/{'a' * 1025}"),
        *(" s3://bucket/key", "s3://bucket\n/key"),
    ],
)
def test_what_leads_elsewhere_is_no_object(url: str) -> None:
    """Other schemes, hosts, users, ports, addresses, access points, dot segments, controls."""
    with pytest.raises(ObjectError, match="not the URL of an S3 object"):
        split(url)


@pytest.fixture
def objects(nasty: Any) -> Any:
    """Return the objects of one bucket, in an S3 that answers as a test says."""
    settings = AwsSettings(
        access_key="AKIDEXAMPLE",
        secret_key="s",
        endpoint_url=nasty.url,
        max_attempts=1,
        call_timeout=2,
        bound=Bound(tenant=f"{OWN}/us-east-1", roles={OWN: BoundRole()}),
    )
    with Objects(settings, {"bucket": OWN}, "us-east-1") as made:
        yield made


def test_another_bucket_is_never_asked(nasty: Any, objects: Any) -> None:
    """A bucket that is not one of ours, or no key at all, is refused before anything is sent."""
    for url in ("s3://other/key", "s3://bucket"):
        with pytest.raises(ObjectError):
            objects.fetch(url, bytes, 10)
    assert nasty.requests == []


def test_more_than_promised_is_too_large(nasty: Any, objects: Any) -> None:
    """The limit holds for what arrives, and each request names the expected owner."""
    got: list[bytes] = []
    nasty.replies(nasty.reply(b"x" * 11))
    with pytest.raises(ObjectError, match="too large"):
        objects.fetch("s3://bucket/key", got.append, 10)
    assert got == []
    nasty.replies(nasty.reply(b"x" * 10))
    objects.fetch("s3://bucket/key", got.append, 10)
    assert b"".join(got) == b"x" * 10
    owners = {request.headers["x-amz-expected-bucket-owner"] for request in nasty.requests}
    assert owners == {OWN}


@pytest.mark.parametrize(("status", "final"), [(403, True), (404, True), (503, False)])
def test_a_refusal_is_final_and_a_failure_is_not(
    nasty: Any, objects: Any, status: int, final: bool
) -> None:
    """What S3 refuses is an `ObjectError`; what it could not do may be tried again."""
    nasty.replies(nasty.reply(f"<Error><Code>C{status}</Code></Error>", status))
    with pytest.raises(CollectError, match="cannot be read") as caught:
        objects.fetch("s3://bucket/key", bytes, 10)
    assert isinstance(caught.value, ObjectError) is final


def test_a_key_of_kms_that_may_not_be_used_is_named(nasty: Any, objects: Any) -> None:
    """Where S3 passes KMS's refusal on, what to do names the key, the role and the grant to add."""
    key = f"arn:aws:kms:us-east-1:{OWN}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    role = f"arn:aws:sts::{OWN}:assumed-role/AffidavitCollector/affidavit"
    words = (
        f"User: {role} is not authorized to perform: kms:Decrypt on resource: {key} because no "
        "resource-based policy allows the kms:Decrypt action"
    )
    body = f"<Error><Code>AccessDenied</Code><Message>{words}</Message></Error>"
    nasty.replies(nasty.reply(body, 403))
    with pytest.raises(ObjectError) as caught:
        objects.fetch("s3://bucket/key", bytes, 10)
    for wanted in (key, role, "kms:Decrypt", "aws kms create-grant", "--operations Decrypt"):
        assert wanted in caught.value.todo
    body = f"<Error><Code>KMS.DisabledException</Code><Message>{key} is disabled.</Message></Error>"
    nasty.replies(nasty.reply(body, 400))
    with pytest.raises(ObjectError) as caught:
        objects.fetch("s3://bucket/key", bytes, 10)
    assert f"{key} must be enabled" in caught.value.todo


def test_half_an_object_is_none(nasty: Any, objects: Any) -> None:
    """An answer that ends too early is an error, not a smaller object."""
    reply = nasty.reply(b"x" * 10)
    reply.cut = True
    nasty.replies(reply)
    with pytest.raises(CollectError, match="cannot be read"):
        objects.fetch("s3://bucket/key", bytes, 1000)
