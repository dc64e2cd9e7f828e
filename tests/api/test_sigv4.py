"""Signatures: what AWS accepts is accepted; everything else is refused with AWS's code and text."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import botocore.auth
import botocore.session
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from affidavit.api.errors import ApiError
from affidavit.api.protocol import RawRequest
from affidavit.api.sigv4 import Credential, Verified, Verifier

REGION = "eu-central-1"
NOW = datetime(2026, 11, 23, 8, 51, 0, tzinfo=UTC)
UUID = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
Check = Callable[..., Verified]


@pytest.fixture
def check(key: Credential, token_key: Credential) -> Check:
    """Return the verification of one request, at the real time or another."""

    def verify(request: RawRequest, *, late: timedelta = timedelta(), **options: bool) -> Verified:
        known = {one.access_key_id: one for one in (key, token_key)}
        verifier = Verifier(known.get, now=lambda: datetime.now(UTC) + late)
        return verifier.verify(request, **options)

    return verify


def changed(request: RawRequest, name: bytes, change: Callable[[bytes], bytes]) -> RawRequest:
    """Return the request with one header's value changed."""
    headers = [(n, change(v) if n == name else v) for n, v in request.headers]
    return dataclasses.replace(request, headers=headers)


def refusal(check: Check, request: RawRequest, **options: Any) -> tuple[str, str]:
    """Return code and text of the refusal of a request."""
    with pytest.raises(ApiError) as caught:
        check(request, **options)
    assert caught.value.status == 403
    return caught.value.code, caught.value.what


@pytest.fixture
def request_(wire: Callable[..., RawRequest]) -> RawRequest:
    """Return a good request with an ARN in its path and a key that is repeated in its query."""
    members = {
        "resourceArn": f"arn:aws:auditmanager:{REGION}:111122223333:control/{UUID}",
        "tagKeys": ["b b", "a/ü", "a+b=c&d", "~"],
    }
    return wire("UntagResource", members)


def test_botocores_header_form_is_accepted(
    check: Check, request_: RawRequest, key: Credential
) -> None:
    """An ARN in the path is escaped twice, and repeated query keys are all signed."""
    verified = check(request_)
    assert verified == Verified(credential=key, region=REGION, presigned=False)


def test_a_session_token_must_come_along(
    check: Check, wire: Callable[..., RawRequest], token_key: Credential, key: Credential
) -> None:
    """A temporary key works with its own token and with no other, a long-term key with none."""
    good = wire("GetAccountStatus", {}, token_key)
    assert check(good).credential == token_key
    for wrong in (None, "another"):
        other = dataclasses.replace(token_key, session_token=wrong)
        code, _ = refusal(check, wire("GetAccountStatus", {}, other))
        assert code == "UnrecognizedClientException"
    extra = dataclasses.replace(key, session_token="unasked")
    code, _ = refusal(check, wire("GetAccountStatus", {}, extra))
    assert code == "UnrecognizedClientException"


def test_an_expired_token_says_so(wire: Callable[..., RawRequest], token_key: Credential) -> None:
    """SDKs fetch new credentials on ExpiredTokenException, so it must be this code."""
    ended = dataclasses.replace(token_key, expires=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(ApiError, match="is expired") as caught:
        Verifier(lambda _: ended).verify(wire("GetAccountStatus", {}, token_key))
    assert caught.value.code == "ExpiredTokenException"


@pytest.mark.parametrize("state", ["unknown", "disabled"])
def test_unknown_and_disabled_keys_are_alike(state: str, request_: RawRequest, key: Any) -> None:
    """Nobody can tell a disabled key from one that never was."""
    found = None if state == "unknown" else dataclasses.replace(key, disabled=True)
    with pytest.raises(ApiError, match=r"security token .* is invalid") as caught:
        Verifier(lambda _: found).verify(request_)
    assert caught.value.code == "UnrecognizedClientException"


def test_a_wrong_secret_is_a_mismatch(
    check: Check, wire: Callable[..., RawRequest], key: Credential
) -> None:
    """The text is AWS's, which points at the secret and the signing method."""
    wrong = dataclasses.replace(key, secret="wrong")
    code, text = refusal(check, wire("GetAccountStatus", {}, wrong))
    assert code == "InvalidSignatureException"
    assert text.startswith("The request signature we calculated does not match")


def test_five_minutes_of_skew_are_allowed(check: Check, request_: RawRequest) -> None:
    """A clock that is a little less than five minutes off works in both directions."""
    check(request_, late=timedelta(minutes=4, seconds=55))
    check(request_, late=-timedelta(minutes=4, seconds=55))


def test_an_old_signature_is_expired_in_awss_words(request_: RawRequest, key: Any) -> None:
    """The JavaScript SDK reads this text to correct its clock."""
    stamped = changed(request_, b"x-amz-date", lambda _: b"20261123T084559Z")
    stamped = changed(
        stamped,
        b"authorization",
        lambda value: value.replace(value.split(b"/")[1], b"20261123", 1),
    )
    with pytest.raises(ApiError) as caught:
        Verifier(lambda _: key, now=lambda: NOW).verify(stamped)
    assert caught.value.what == (
        "Signature expired: 20261123T084559Z is now earlier than 20261123T084600Z "
        "(20261123T085100Z - 5 min.)"
    )
    with pytest.raises(ApiError) as caught:
        Verifier(lambda _: key, now=lambda: NOW - timedelta(hours=1)).verify(stamped)
    assert caught.value.what == (
        "Signature not yet current: 20261123T084559Z is still later than 20261123T075600Z "
        "(20261123T075100Z + 5 min.)"
    )
    assert caught.value.code == "InvalidSignatureException"


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (b"/auditmanager/", b"/s3/", "correct service: 'auditmanager'"),
        (b"/eu-central-1/", b"/nowhere/", "valid region"),
        (b"/eu-central-1/", b"/../", "valid region"),
        (b"/eu-central-1/", b"/eu-west-1/", "does not match"),
        (b"/20", b"/19", "does not match YYYYMMDD"),
    ],
)
def test_the_scope_is_checked(
    old: bytes, new: bytes, text: str, check: Check, request_: RawRequest
) -> None:
    """A signature for another service, Region or day is not taken for ours."""
    code, what = refusal(
        check, changed(request_, b"authorization", lambda v: v.replace(old, new, 1))
    )
    assert code == "InvalidSignatureException"
    assert text in what


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"", "IncompleteSignatureException"),
        (b"Bearer abc", "IncompleteSignatureException"),
        (b"AWS4-HMAC-SHA256", "IncompleteSignatureException"),
        (b"AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=x", "Incomplete"),
        (b"AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4, SignedHeaders=host, Signature=x", "Incomp"),
        (b"AWS4-HMAC-SHA256 SignedHeaders=host, Signature=x", "IncompleteSignatureException"),
        (b"AWS4-HMAC-SHA256 Credential=a/1/b/c/aws4_request, Signature=x", "Incomplete"),
        (b"AWS4-HMAC-SHA256 Credential=a/1/b/c/aws4_request, SignedHeaders=h", "Incomplete"),
        (b"AWS4-HMAC-SHA256 Credential=a, Credential=b, Signature=x", "Incomplete"),
        (b"\xff\xfe\x00", "IncompleteSignatureException"),
    ],
)
def test_unreadable_authorization_headers(
    value: bytes, code: str, check: Check, request_: RawRequest
) -> None:
    """Whatever is not a whole signature is named incomplete, not looked up."""
    given, _ = refusal(check, changed(request_, b"authorization", lambda _: value))
    assert given.startswith(code)


def test_no_signature_at_all(check: Check, request_: RawRequest) -> None:
    """A request without any signature misses its authentication token."""
    headers = [(n, v) for n, v in request_.headers if n != b"authorization"]
    code, text = refusal(check, dataclasses.replace(request_, headers=headers))
    assert (code, text) == ("MissingAuthenticationTokenException", "Missing Authentication Token")


def test_the_host_must_be_signed(check: Check, request_: RawRequest) -> None:
    """A signature that does not cover the host could be sent to another server."""
    unsigned = changed(
        request_, b"authorization", lambda v: v.replace(b"SignedHeaders=host;", b"SignedHeaders=")
    )
    _, text = refusal(check, unsigned)
    assert "'Host' must be a 'SignedHeader'" in text


def test_signed_headers_must_be_there(check: Check, request_: RawRequest) -> None:
    """A header that was signed cannot be left out on the way."""
    headers = [(n, v) for n, v in request_.headers if n != b"host"]
    _, text = refusal(check, dataclasses.replace(request_, headers=headers))
    assert "was not sent" in text


@pytest.mark.parametrize("name", [b"authorization", b"x-amz-date", b"x-amz-content-sha256"])
def test_doubled_headers_are_refused(name: bytes, check: Check, request_: RawRequest) -> None:
    """Of two signatures, dates or hashes nobody may choose."""
    headers = [*request_.headers, (name, b"one"), (name, b"two")]
    code, _ = refusal(check, dataclasses.replace(request_, headers=headers))
    assert code == "IncompleteSignatureException"


@pytest.mark.parametrize("stamp", [b"", b"yesterday", b"20261340T000000Z", b"2026-11-23T08:46:00Z"])
def test_dates_that_are_none(stamp: bytes, check: Check, request_: RawRequest) -> None:
    """A date that cannot be read is refused before anything is computed."""
    code, _ = refusal(check, changed(request_, b"x-amz-date", lambda _: stamp))
    assert code == "IncompleteSignatureException"


def test_a_date_header_will_do(check: Check, key: Credential) -> None:
    """Clients that sign the HTTP Date instead of X-Amz-Date are understood."""
    made = AWSRequest("GET", "http://127.0.0.1/account/status", headers={"Date": "now"})
    signer = Credentials(key.access_key_id, key.secret)
    botocore.auth.SigV4Auth(signer, "auditmanager", REGION).add_auth(made)
    headers = [(n.lower().encode(), str(v).encode()) for n, v in made.headers.items()]
    request = RawRequest(
        method="GET",
        raw_path=b"/account/status",
        query=b"",
        headers=[(b"host", b"127.0.0.1"), *headers],
        body=b"",
    )
    assert check(request).credential == key
    for wrong in (b"Mon, 99 Nov 2026 08:46:00 GMT", b"Xyz, 23 Nov 2026 08:46:00 GMT"):
        headers = [(n, wrong if n == b"date" else v) for n, v in request.headers]
        code, _ = refusal(check, dataclasses.replace(request, headers=headers))
        assert code == "IncompleteSignatureException"


def presigned(key: Credential, seconds: int = 60, path: str = "/account/status") -> RawRequest:
    """Return a GET that botocore presigned."""
    made = AWSRequest("GET", f"http://127.0.0.1:8080{path}")
    signer = Credentials(key.access_key_id, key.secret, key.session_token)
    botocore.auth.SigV4QueryAuth(signer, "auditmanager", REGION, expires=seconds).add_auth(made)
    url = urlsplit(str(made.url))
    return RawRequest(
        method="GET",
        raw_path=url.path.encode(),
        query=url.query.encode(),
        headers=[(b"host", b"127.0.0.1:8080")],
        body=b"",
    )


def test_botocores_presigned_form(check: Check, key: Credential, token_key: Credential) -> None:
    """Presigned requests verify, with a session token and with parameters of their own."""
    assert check(presigned(key)) == Verified(credential=key, region=REGION, presigned=True)
    assert check(presigned(token_key)).credential == token_key
    assert check(presigned(key, path="/assessments?maxResults=5&nextToken=a%2Fb")).presigned


def test_presigned_requests_end(check: Check, key: Credential) -> None:
    """A presigned request is good for the seconds it says, even beyond five minutes, not longer."""
    request = presigned(key, seconds=900)
    check(request, late=timedelta(seconds=890))
    _, text = refusal(check, request, late=timedelta(seconds=902))
    assert text.startswith("Signature expired: ")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"X-Amz-Expires=60", b"X-Amz-Expires=600000000"),
        (b"X-Amz-Expires=60", b"X-Amz-Expires=604801"),
        (b"X-Amz-Expires=60", b"X-Amz-Expires=-1"),
        (b"X-Amz-Expires=60", b"X-Amz-Expires=6e1"),
        (b"X-Amz-Expires=60", b"x=y"),
        (b"X-Amz-Algorithm=AWS4-HMAC-SHA256", b"X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256"),
        (b"X-Amz-Date=2", b"X-Amz-Date=x"),
        (b"X-Amz-Expires=60", b"X-Amz-Expires=60&X-Amz-Expires=61"),
    ],
)
def test_presigned_parameters_must_be_whole(
    old: bytes, new: bytes, check: Check, key: Credential
) -> None:
    """Missing, doubled and impossible parameters are incomplete."""
    request = presigned(key)
    assert old in request.query
    code, _ = refusal(check, dataclasses.replace(request, query=request.query.replace(old, new)))
    assert code == "IncompleteSignatureException"


def test_presigned_queries_cannot_be_changed(check: Check, key: Credential) -> None:
    """Another path, another parameter, a longer life: each breaks the signature."""
    request = presigned(key)
    for other in (
        dataclasses.replace(request, raw_path=b"/assessments"),
        dataclasses.replace(request, query=request.query + b"&maxResults=5"),
        dataclasses.replace(request, query=request.query.replace(b"Expires=60", b"Expires=90")),
        dataclasses.replace(request, method="DELETE"),
        dataclasses.replace(request, body=b"{}"),
    ):
        assert refusal(check, other)[0] == "InvalidSignatureException"


def test_two_signatures_are_one_too_many(
    check: Check, request_: RawRequest, key: Credential
) -> None:
    """A request that is signed in both ways is refused, whichever is good."""
    query = presigned(key).query
    both = dataclasses.replace(request_, query=request_.query + b"&" + query)
    assert refusal(check, both)[0] == "IncompleteSignatureException"


def test_the_body_must_be_the_one_that_was_signed(
    check: Check, wire: Callable[..., RawRequest]
) -> None:
    """A claimed hash of the body is compared with the body; UNSIGNED-PAYLOAD is for uploads."""
    request = wire("UpdateSettings", {"snsTopic": "NONE"})
    check(request)
    other = dataclasses.replace(request, body=b'{"snsTopic":"MINE"}')
    assert refusal(check, other)[0] == "InvalidSignatureException"
    claimed = [*request.headers, (b"x-amz-content-sha256", b"UNSIGNED-PAYLOAD")]
    unsigned = dataclasses.replace(request, headers=claimed)
    _, text = refusal(check, unsigned)
    assert "x-amz-content-sha256" in text
    _, text = refusal(check, unsigned, allow_unsigned_payload=True)
    assert text.startswith("The request signature we calculated")


class Unsigned(botocore.auth.SigV4Auth):
    """A signer that leaves the body out, as clients do that stream it."""

    def payload(self, request: AWSRequest) -> str:
        """Return what stands for the body's hash."""
        del request
        return "UNSIGNED-PAYLOAD"


def test_an_upload_may_leave_its_body_unsigned(check: Check, key: Credential) -> None:
    """Where uploads say so, a request signed with UNSIGNED-PAYLOAD is taken with any body."""
    made = AWSRequest("PUT", "http://127.0.0.1/upload", headers={"Host": "127.0.0.1"})
    made.headers["X-Amz-Content-SHA256"] = "UNSIGNED-PAYLOAD"
    signer = Unsigned(Credentials(key.access_key_id, key.secret), "auditmanager", REGION)
    signer.add_auth(made)
    headers = [(n.lower().encode(), str(v).encode()) for n, v in made.headers.items()]
    request = RawRequest(
        method="PUT", raw_path=b"/upload", query=b"", headers=headers, body=b"a file"
    )
    assert check(request, allow_unsigned_payload=True).credential == key
    assert refusal(check, request)[0] == "InvalidSignatureException"


def test_secrets_do_not_show(key: Credential, token_key: Credential) -> None:
    """A credential in a log line tells neither its secret nor its token."""
    for one in (key, token_key):
        assert one.secret not in repr(one)
        assert not one.session_token or one.session_token not in repr(one)
