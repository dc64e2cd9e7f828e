"""Canonical forms: the same as botocore's, over bytes."""

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from affidavit.api.canonical import canonical_path, canonical_query
from affidavit.api.hosts import host_name

SIGNER = SigV4Auth(Credentials("AKID", "secret"), "auditmanager", "us-east-1")
PATHS = st.lists(
    st.sampled_from(["/", ".", "..", "a", "%2F", "%3A", "~", "-_", "é", "+", "status"]), max_size=12
).map(lambda parts: "/" + "".join(parts))


@given(path=PATHS)
def test_paths_as_botocore_signs_them(path: str) -> None:
    """Dot segments and doubled slashes go, everything is escaped once more."""
    made = AWSRequest("GET", f"http://localhost{path}")
    theirs = SIGNER.canonical_request(_with_date(made)).split("\n")[1]
    assert canonical_path(path.encode()) == theirs.encode()


def _with_date(made: AWSRequest) -> AWSRequest:
    made.headers["X-Amz-Date"] = "20261123T084600Z"
    return made


@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        (b"", b""),
        (b"b=2&a=1&a=0", b"a=0&a=1&b=2"),
        (b"a=%2f&a=+&a=%7E&a=%20", b"a=%20&a=%2B&a=%2F&a=~"),
        (b"a", b"a="),
        (b"&&a=b=c&", b"a=b%3Dc"),
        (b"a=\xff", b"a=%FF"),
        (b"a=1&X-Amz-Signature=x", b"a=1"),
    ],
)
def test_queries(query: bytes, canonical: bytes) -> None:
    """Parameters are sorted and escaped alike, repeated ones stay, a plus is a plus."""
    assert canonical_query(query, without=b"X-Amz-Signature") == canonical


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b"LocalHost:8080", "localhost"),
        (b"127.0.0.1", "127.0.0.1"),
        (b"[::1]:8080", "[::1]"),
        (b"[::1]", "[::1]"),
        (b"", ""),
    ],
)
def test_names_of_hosts(header: bytes, name: str) -> None:
    """The port is no part of a host's name, and IPv6 addresses keep their brackets."""
    assert host_name(header) == name
