"""Routing, parsing and validation: the right operation, or the right refusal."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from affidavit.api.errors import ApiError
from affidavit.api.protocol import Protocol, RawRequest
from affidavit.api.routes import route
from affidavit.api.validate import MAX_PROBLEMS
from affidavit.operations.faults import ValidationFault

UUID = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
JSON = ((b"content-type", b"application/json"),)
Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(protocol: Protocol) -> Ask:
    """Return the way from method, target and body to what an operation gets."""

    def parsed(method: str, target: str, body: bytes = b"", headers: Any = JSON) -> dict[str, Any]:
        path, _, query = target.partition("?")
        raw = RawRequest(
            method=method,
            raw_path=path.encode(),
            query=query.encode(),
            headers=headers,
            body=body,
        )
        operation, labels = protocol.match(method, raw.raw_path)
        return protocol.request(operation, labels, raw)

    return parsed


def wrong(ask: Ask, *request: Any) -> dict[str, str]:
    """Return member path -> what it must be, of a request that validation refuses."""
    with pytest.raises(ValidationFault) as caught:
        ask(*request)
    assert caught.value.reason == "fieldValidationFailed"
    for path, message in caught.value.fields:
        assert f"Value at '{path}' failed to satisfy constraint: {message}" in caught.value.what
    return dict(caught.value.fields)


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", f"/insights/assessments/{UUID}", "GetInsightsByAssessment"),
        ("GET", "/insights/controls-by-assessment", "ListAssessmentControlInsightsByControlDomain"),
        ("GET", "/insights/controls", "ListControlInsightsByControlDomain"),
        ("PUT", "/assessments/x/status", "UpdateAssessmentStatus"),
        ("PUT", "/assessments/x/controlSets/status/status", "UpdateAssessmentControlSetStatus"),
        ("GET", "/assessments/evidenceFolders", "GetAssessment"),
        ("GET", "/tags/arn%3Aaws%3As3%3A%3A%3Aa%2Fb", "ListTagsForResource"),
    ],
)
def test_literal_segments_win(method: str, path: str, name: str, protocol: Protocol) -> None:
    """Of several templates the most literal one is taken, over the path that is not decoded."""
    assert protocol.match(method, path.encode())[0].name == name


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", ""),
        ("GET", "*"),
        ("GET", "/nothing"),
        ("PATCH", "/settings"),
        ("GET", "/settings"),
        ("GET", "//assessments"),
        ("GET", "/assessments/"),
        ("PUT", "/assessments/./status"),
        ("DELETE", "/controls/x/../y"),
        ("GET", "/tags/arn:aws:s3:::a/b"),
        ("GET", "/assessments%2Fx"),
    ],
)
def test_what_is_no_operation(method: str, path: str, protocol: Protocol) -> None:
    """Unknown paths and methods, and paths that a signature does not tell apart, are unknown."""
    with pytest.raises(ApiError) as caught:
        protocol.match(method, path.encode())
    assert (caught.value.code, caught.value.status) == ("UnknownOperationException", 404)


def test_forms_that_are_not_served_stop_the_start() -> None:
    """A greedy label of a future model is refused when the routes are made."""
    with pytest.raises(ValueError, match="is not served"):
        route("Fetch", "GET", "/files/{path+}")


def test_labels_and_query_are_decoded_once(ask: Ask) -> None:
    """A plus is a plus, `%2B` too, `%252F` is `%2F`; repeated keys stay a list, in order."""
    got = ask("DELETE", "/tags/arn%3Aaws%3Aauditmanager%3A%252Fx?tagKeys=b%2Bc&tagKeys=a+b&other=1")
    assert got == {"resourceArn": "arn:aws:auditmanager:%2Fx", "tagKeys": ["b+c", "a+b"]}


def test_empty_bodies_are_legal_where_nothing_is_required(ask: Ask) -> None:
    """No body, no JSON members, null members and unknown members: all the same to the operation."""
    for body in (b"", b" \n", b"{}", b'{"kmsKey":null}', b'{"future":{"x":[1]}}'):
        assert ask("POST", "/account/registerAccount", body) == {}
    assert wrong(ask, "PUT", f"/assessments/{UUID}/status") == {"status": "Member must not be null"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5.0", "Member must be an integer"),
        ("+5", "Member must be an integer"),
        ("%205", "Member must be an integer"),
        ("05", "Member must be an integer"),
        ("", "Member must be an integer"),
        ("five", "Member must be an integer"),
        ("1e2", "Member must be an integer"),
        ("\u0665", "Member must be an integer"),
        ("9" * 5000, "Member must be an integer"),
        ("0", "Member must have value greater than or equal to 1"),
        ("-1", "Member must have value greater than or equal to 1"),
        ("1001", "Member must have value less than or equal to 1000"),
        ("1&maxResults=2", "Member must be given once"),
    ],
)
def test_whole_numbers_in_the_query(text: str, message: str, ask: Ask) -> None:
    """Only a plain whole number within its limits is one."""
    assert wrong(ask, "GET", f"/assessments?maxResults={text}") == {"maxResults": message}
    assert ask("GET", "/assessments?maxResults=1000") == {"maxResults": 1000}


CONTROL = {
    "name": "c",
    "controlMappingSources": [{"sourceName": "s", "sourceType": "MANUAL"}],
}


@pytest.mark.parametrize(
    ("change", "path", "message"),
    [
        ({"name": 1}, "name", "Member must be a string"),
        ({"name": True}, "name", "Member must be a string"),
        ({"name": ["c"]}, "name", "Member must be a string"),
        ({"name": ""}, "name", "Member must have length greater than or equal to 1"),
        ({"name": "x" * 301}, "name", "Member must have length less than or equal to 300"),
        ({"name": "a\\b"}, "name", "Member must satisfy regular expression pattern: ^[^\\\\]*$"),
        ({"name": "a\0b"}, "name", "Member must not hold the character U+0000"),
        ({"name": None}, "name", "Member must not be null"),
        ({"tags": []}, "tags", "Member must be a map"),
        ({"tags": {"k": 1}}, "tags.k", "Member must be a string"),
        ({"tags": {"k": None}}, "tags.k", "Member must not be null"),
        (
            {"tags": {"aws:x": ""}},
            "tags (key)",
            "Member must satisfy regular expression pattern: ^(?!aws:)[a-zA-Z+-=._:/]+$",
        ),
        (
            {"tags": {f"k{n}": "" for n in range(51)}},
            "tags",
            "Member must have length less than or equal to 50",
        ),
        ({"controlMappingSources": {}}, "controlMappingSources", "Member must be a list"),
        (
            {"controlMappingSources": []},
            "controlMappingSources",
            "Member must have length greater than or equal to 1",
        ),
        (
            {"controlMappingSources": [None]},
            "controlMappingSources[0]",
            "Member must not be null",
        ),
        (
            {"controlMappingSources": ["s"]},
            "controlMappingSources[0]",
            "Member must be a structure",
        ),
        (
            {"controlMappingSources": [{}, {"sourceFrequency": "YEARLY"}]},
            "controlMappingSources[1].sourceFrequency",
            "Member must satisfy enum value set: [DAILY, WEEKLY, MONTHLY]",
        ),
    ],
)
def test_members_are_named_with_what_they_must_be(
    change: dict[str, Any], path: str, message: str, ask: Ask
) -> None:
    """Every wrong member is named by its path, with AWS's words for the constraint."""
    body = json.dumps(CONTROL | change).encode()
    assert wrong(ask, "POST", "/controls", body)[path] == message


def test_booleans_are_not_words(ask: Ask) -> None:
    """A boolean member takes true and false only."""
    for text in (b'"true"', b"1"):
        body = b'{"evidenceFinderEnabled":' + text + b"}"
        assert wrong(ask, "PUT", "/settings", body) == {
            "evidenceFinderEnabled": "Member must be true or false"
        }


def test_a_flood_of_wrong_members_ends(ask: Ask) -> None:
    """Nobody reads on after twenty; the answer stays small and quick."""
    sources = ",".join(["1"] * 100_000)
    body = f'{{"name":"c","controlMappingSources":[{sources}]}}'.encode()
    assert len(wrong(ask, "POST", "/controls", body)) == MAX_PROBLEMS


def test_names_from_the_caller_cannot_break_the_answer(ask: Ask) -> None:
    """Line ends in a map's key do not reach the text of the answer."""
    body = json.dumps(CONTROL | {"tags": {"a\r\nb": 1}}).encode()
    assert set(wrong(ask, "POST", "/controls", body)) == {"tags (key)", "tags.a  b"}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b'{"name": "\xed\xa0\x80"}',
        rb'{"name": "\ud800"}',
        rb'{"\udfff": 1}',
        b'{"name": NaN}',
        b'{"name": Infinity}',
        b'{"name": -Infinity}',
        b'{"name": 1e400}',
        b'{"name": ' + b"1" * 5000 + b"}",
        b'{"name": "a\nb"}',
        b"\xef\xbb\xbf{}",
        b"{}{}",
        b"<xml/>",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a":' * 33 + b"1" + b"}" * 33,
        b"[" * 40 + rb'"' + rb"\"" * 300_000,
    ],
    ids=range(21),
)
@pytest.mark.timeout(60)
def test_bodies_that_cannot_be_decoded(body: bytes, ask: Ask) -> None:
    """Whatever is not a JSON object of sane depth is refused as such, at once."""
    with pytest.raises(ApiError) as caught:
        ask("POST", "/controls", body)
    assert (caught.value.code, caught.value.status) == ("SerializationException", 400)


def test_pairs_of_surrogates_are_characters(ask: Ask) -> None:
    """JSON writes characters beyond the first plane as two escapes; that is legal."""
    body = rb'{"name":"\ud83d\ude42 {[{[","controlMappingSources":[{}]}'
    assert ask("POST", "/controls", body)["name"] == "🙂 {[{["


@pytest.mark.parametrize("target", ["/controls/%FF", "/controls?controlType=%C3"])
def test_paths_and_queries_that_are_not_utf8(target: str, ask: Ask) -> None:
    """Bytes that are no text are refused as such."""
    with pytest.raises(ApiError, match="not UTF-8"):
        ask("GET", target)


def test_endless_queries(ask: Ask) -> None:
    """A thousand parameters are enough."""
    with pytest.raises(ApiError, match="more than 1000 parameters"):
        ask("GET", "/assessments?" + "a=b&" * 1001)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"content-type", b"text/plain"),
        (b"content-type", b"application/x-www-form-urlencoded"),
        (b"content-type", b"\xff"),
        (b"content-type", b"application/json; charset=utf-16"),
        (b"content-encoding", b"gzip"),
    ],
)
def test_other_media_types(name: bytes, value: bytes, ask: Ask) -> None:
    """A body that says it is something else than JSON is not guessed at."""
    with pytest.raises(ApiError) as caught:
        ask("POST", "/account/registerAccount", b"{}", ((name, value),))
    assert (caught.value.code, caught.value.status) == ("UnsupportedMediaTypeException", 415)


@pytest.mark.parametrize(
    "value",
    [b"application/json", b"application/json; charset=UTF-8", b"application/x-amz-json-1.1"],
)
def test_media_types_of_sdks(value: bytes, ask: Ask) -> None:
    """What the SDKs send is taken, and so is a body without any Content-Type."""
    assert ask("POST", "/account/registerAccount", b"{}", ((b"content-type", value),)) == {}
    assert ask("POST", "/account/registerAccount", b"{}", ()) == {}


def test_bodies_of_operations_without_body_members(protocol: Protocol) -> None:
    """A body where the model has none is not read."""
    raw = RawRequest(method="GET", raw_path=b"/insights", query=b"", headers=(), body=b"\xff")
    operation, labels = protocol.match("GET", b"/insights")
    assert protocol.request(operation, labels, raw) == {}
    assert dataclasses.replace(operation).status == 200
