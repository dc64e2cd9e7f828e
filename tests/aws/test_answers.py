"""The form of answers, protocol by protocol; what the door cannot be brought to send."""

from typing import Any

import pytest
from botocore.model import ServiceModel
from botocore.parsers import ResponseParserError

from affidavit.aws.answers import check, is_html


def _operation(protocol: str, service: str = "made-up") -> Any:
    description = {
        "metadata": {"protocol": protocol, "protocols": [protocol], "serviceId": service},
        "operations": {"GetIt": {"name": "GetIt", "output": {"shape": "Out"}}},
        "shapes": {
            "Out": {"type": "structure", "members": {"a": {"shape": "S"}}},
            "S": {"type": "string"},
        },
    }
    return ServiceModel(description, service).operation_model("GetIt")


def _response(body: bytes, **headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"status_code": 200, "headers": named, "body": body}


@pytest.mark.parametrize(
    ("protocol", "body"),
    [
        ("smithy-rpc-v2-cbor", b"\xa1\x61a\x61b"),
        ("json", b'{"a": "b"}'),
        ("rest-xml", b"<?xml version='1.0'?>\n<!-- hello --><Any><a>b</a></Any>"),
        ("query", b"<GetItResponse/>"),
        ("ec2", b"<x:GetItResponse xmlns:x='y'/>"),
    ],
)
def test_proper_answers_pass(protocol: str, body: bytes) -> None:
    """An answer in the form of its protocol is let through."""
    check(_operation(protocol), _response(body, content_length=str(len(body))))


@pytest.mark.parametrize(
    ("protocol", "body", "said"),
    [
        ("smithy-rpc-v2-cbor", b'{"a": "b"}', "no CBOR map"),
        ("json", b'"a"', "not an object"),
        ("rest-xml", b"{}", "not XML"),
        ("rest-xml", b"<Error><Code>X</Code></Error>", "success and an error"),
        ("query", b"<OtherResponse/>", "the XML element OtherResponse"),
        ("query", b"   ", "empty body"),
        ("json", b"<!DOCTYPE HTML>", "web page"),
    ],
)
def test_other_answers_are_refused(protocol: str, body: bytes, said: str) -> None:
    """An answer in another form than its protocol's says what is wrong with it."""
    with pytest.raises(ResponseParserError, match=said):
        check(_operation(protocol), _response(body))


def test_an_answer_cut_short_is_refused() -> None:
    """Fewer bytes than promised are refused, unless they were packed on the way."""
    operation = _operation("json")
    with pytest.raises(ResponseParserError, match="2 of 9 bytes"):
        check(operation, _response(b"{}", content_length="9"))
    check(operation, _response(b"{}", content_length="9", content_encoding="gzip"))


def test_errors_of_s3_with_success_are_left_to_botocore() -> None:
    """S3 may answer 200 with an error; botocore's own handler makes an error of it."""
    check(_operation("rest-xml", "s3"), _response(b"<Error><Code>X</Code></Error>"))


def test_only_web_pages_are_web_pages() -> None:
    """A web page begins like one, in whatever case."""
    assert is_html(b"  <HTML><body>")
    assert not is_html(b'<?xml version="1.0"?><html2/>')
    assert not is_html(None)
