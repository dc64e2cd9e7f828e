"""Logs read on a tenant's behalf: from buckets of the account, or bound with their owner."""

from typing import Any

import pytest
from tests.aws.conftest import ACCOUNT

from affidavit.aws.door import Door
from affidavit.aws.log_reading import NotReadError
from affidavit.aws.settings import AwsSettings, Bound, BoundRole
from affidavit.model.observation import GapReason

ARCHIVE = "999988887777"
EMPTY = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
BOUND = Bound(
    tenant=f"{ACCOUNT}/us-east-1",
    roles={ACCOUNT: BoundRole()},
    log_buckets={"archive": ARCHIVE},
    reserved_buckets={"installation"},
)


def reader_of(nasty: Any, bound: Bound | None) -> Any:
    """Return what reads logs on an S3 that answers as a test says."""
    settings = AwsSettings(
        access_key="AKIDEXAMPLE",
        secret_key="s",
        endpoint_url=nasty.url,
        max_attempts=1,
        call_timeout=2,
        bound=bound,
    )
    return Door(settings).log_reader(ACCOUNT, "us-east-1")


@pytest.mark.parametrize(("bucket", "owner"), [("own", ACCOUNT), ("archive", ARCHIVE)])
def test_s3_is_told_whose_the_bucket_must_be(nasty: Any, bucket: str, owner: str) -> None:
    """Listing and reading name the account that is entered, or the owner that is bound."""
    nasty.replies(nasty.reply(EMPTY), nasty.reply(b"x"))
    reader = reader_of(nasty, BOUND)
    assert list(reader.objects(bucket, "p/")) == []
    assert reader.read(bucket, "key", 10) == b"x"
    owners = [one.headers["x-amz-expected-bucket-owner"] for one in nasty.requests]
    assert owners == [owner, owner]


@pytest.mark.parametrize("bucket", ["installation", "own-s3alias", "arn:aws:s3:::x"])
def test_what_leads_elsewhere_is_not_asked(nasty: Any, bucket: str) -> None:
    """Buckets of the installation and names of access points are refused without a request."""
    reader = reader_of(nasty, BOUND)
    for ask in (lambda: list(reader.objects(bucket, "")), lambda: reader.read(bucket, "k", 9)):
        with pytest.raises(NotReadError) as caught:
            ask()
        assert caught.value.reason == GapReason.DENIED
    assert not nasty.requests


def test_a_refusal_says_what_to_bind(nasty: Any) -> None:
    """A bucket of another account is denied by S3, and the gap names the option."""
    nasty.replies(nasty.reply("<Error><Code>AccessDenied</Code></Error>", 403))
    with pytest.raises(NotReadError, match="--log-bucket"):
        reader_of(nasty, BOUND).read("elsewhere", "key", 10)


def test_own_credentials_are_not_bound(nasty: Any) -> None:
    """Whoever runs the command line reads what he may read anyway."""
    nasty.replies(nasty.reply(b"x"))
    assert reader_of(nasty, None).read("elsewhere", "key", 10) == b"x"
    assert "x-amz-expected-bucket-owner" not in nasty.requests[0].headers
