"""Properties: valid requests round-trip, changed ones are refused, and nothing makes a 5xx."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any

import botocore.session
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from affidavit.api.anonymous import anonymous
from affidavit.api.engine import Engine, Record
from affidavit.api.patterns import compile_pattern
from affidavit.api.protocol import Protocol, RawRequest

MODEL = botocore.session.get_session().get_service_model("auditmanager")
NAMES = list(MODEL.operation_names)
QUICK = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)
UNSTABLE_PATH = {"", ".", ".."}
"""Labels that URL normalisation takes away (in AWS's SDKs, not here): nobody can send them."""


def valid(shape: Any) -> st.SearchStrategy[Any]:
    """Return the strategy of all valid values of a shape of a request."""
    kind = shape.type_name
    if kind == "structure":
        members = {name: valid(member) for name, member in shape.members.items()}
        required = {name: members.pop(name) for name in shape.required_members}
        return st.fixed_dictionaries(required, optional=members)
    if kind == "list":
        return st.lists(
            valid(shape.member), min_size=max(1, shape.metadata.get("min", 0)), max_size=3
        )
    if kind == "map":
        return st.dictionaries(valid(shape.key), valid(shape.value), max_size=3)
    if kind == "string":
        return _strings(shape)
    if kind == "integer":
        return st.integers(shape.metadata["min"], shape.metadata["max"])
    return st.booleans()


def _strings(shape: Any) -> st.SearchStrategy[str]:
    if shape.enum:
        return st.sampled_from(shape.enum)
    low, high = shape.metadata.get("min", 0), shape.metadata.get("max", 100)
    java = shape.metadata.get("pattern")
    if java is None or "\\w\\W" in java or java == "(?s).*":
        return TEXT.map(lambda text: (text + "x" * low)[:high]).filter(_sendable)
    pattern = compile_pattern(java)
    return st.from_regex(pattern, fullmatch=True).filter(
        lambda text: low <= len(text) <= high and "\0" not in text and _sendable(text)
    )


def _sendable(text: str) -> bool:
    return text not in UNSTABLE_PATH


ANY: Any = None
REQUESTS: Mapping[str, st.SearchStrategy[Any]] = {
    name: valid(MODEL.operation_model(name).input_shape) for name in NAMES
}
ANY_REQUEST = st.sampled_from(NAMES).flatmap(lambda n: st.tuples(st.just(n), REQUESTS[n]))


@QUICK
@given(request_=ANY_REQUEST)
def test_any_valid_request_round_trips(
    request_: tuple[str, dict[str, Any]],
    wire: Callable[..., RawRequest],
    engine: Engine,
    recorder: Any,
) -> None:
    """What botocore serialises and signs of a valid request is what the operation gets."""
    name, members = request_
    recorder.received.clear()
    answer = engine.handle(wire(name, members), Record(request_id="r"))
    assert answer.status == 200, answer.body
    assert [(n, m) for n, _, m in recorder.received] == [(name, members)]


MUTATIONS = ["method", "path", "query", "body", "header", "drop", "signature", "credential"]


@QUICK
@given(request_=ANY_REQUEST, mutation=st.sampled_from(MUTATIONS), data=st.data())
def test_any_change_of_a_signed_request_is_refused(
    request_: tuple[str, dict[str, Any]],
    mutation: str,
    data: st.DataObject,
    wire: Callable[..., RawRequest],
    engine: Engine,
    recorder: Any,
) -> None:
    """Change one thing that was signed, and no operation runs: 403, always."""
    recorder.received.clear()
    changed = _mutated(wire(*request_), mutation, data)
    answer = engine.handle(changed, Record(request_id="r"))
    assert answer.status == 403, answer.body
    assert recorder.received == []


def _mutated(raw: RawRequest, mutation: str, data: st.DataObject) -> RawRequest:
    match mutation:
        case "method":
            others = [m for m in ("GET", "POST", "PUT", "DELETE", "HEAD") if m != raw.method]
            return dataclasses.replace(raw, method=data.draw(st.sampled_from(others)))
        case "path":
            at = data.draw(st.integers(1, len(raw.raw_path)))
            return dataclasses.replace(raw, raw_path=raw.raw_path[:at] + b"x" + raw.raw_path[at:])
        case "query":
            more = data.draw(st.sampled_from([b"&x=1", b"&maxResults=7", b"x"]))
            return dataclasses.replace(raw, query=raw.query + more)
        case "body":
            at = data.draw(st.integers(0, len(raw.body)))
            return dataclasses.replace(raw, body=raw.body[:at] + b"0" + raw.body[at:])
        case "header" | "drop":
            return _other_header(raw, data, drop=mutation == "drop")
        case _:
            return _other_authorization(raw, mutation, data)


def _other_header(raw: RawRequest, data: st.DataObject, *, drop: bool) -> RawRequest:
    authorization = dict(raw.headers)[b"authorization"]
    signed = authorization.split(b"SignedHeaders=")[1].split(b",")[0].split(b";")
    name = data.draw(st.sampled_from(signed))
    headers = [
        (n, v + b"1" if n == name else v) for n, v in raw.headers if not (drop and n == name)
    ]
    return dataclasses.replace(raw, headers=headers)


def _other_authorization(raw: RawRequest, mutation: str, data: st.DataObject) -> RawRequest:
    text = dict(raw.headers)[b"authorization"]
    marker = b"Signature=" if mutation == "signature" else b"Credential="
    start = text.index(marker) + len(marker)
    length = 64 if mutation == "signature" else text.index(b",") - start
    at = start + data.draw(st.integers(0, length - 1))
    digit = b"0" if text[at : at + 1] != b"0" else b"1"
    other = text[:at] + digit + text[at + 1 :]
    headers = [(n, other if n == b"authorization" else v) for n, v in raw.headers]
    return dataclasses.replace(raw, headers=headers)


@pytest.fixture
def open_engine(protocol: Protocol, recorder: Any) -> Engine:
    """Return an engine that takes requests unsigned, so that random ones reach the parser."""
    return Engine(protocol, recorder.handlers(NAMES), anonymous(lambda _: None))


TARGETS = st.sampled_from(NAMES).map(
    lambda name: (
        MODEL.operation_model(name).http["method"],
        MODEL.operation_model(name).http["requestUri"].encode(),
    )
)
NAMED = st.sampled_from(NAMES).flatmap(
    lambda name: st.dictionaries(
        st.sampled_from([*(MODEL.operation_model(name).input_shape or ANY).members, "x"]), ANY_JSON
    )
)
BODIES = (
    st.binary(max_size=200)
    | ANY_JSON.map(lambda value: json.dumps(value).encode())
    | (NAMED.map(lambda value: json.dumps(value).encode()))
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            [b"authorization", b"content-type", b"x-amz-date", b"date", b"x-amz-security-token"]
        ),
        st.binary(max_size=80) | st.sampled_from([b"application/json", b"AWS4-HMAC-SHA256 a=b"]),
    ),
    max_size=4,
)


@QUICK
@given(
    target=TARGETS | st.tuples(st.sampled_from(["GET", "POST"]), st.binary(max_size=60)),
    query=st.binary(max_size=80) | st.just(b"X-Amz-Signature=1&X-Amz-Date=2"),
    headers=HEADERS,
    body=BODIES,
)
def test_random_bytes_never_make_a_5xx(
    target: tuple[str, bytes],
    query: bytes,
    headers: Any,
    body: bytes,
    open_engine: Engine,
    engine: Engine,
) -> None:
    """Whatever comes, signed or not, the answer is a success or a 4xx with a message."""
    raw = RawRequest(method=target[0], raw_path=target[1], query=query, headers=headers, body=body)
    for one in (open_engine, engine):
        answer = one.handle(raw, Record(request_id="r"))
        assert answer.status < 500
        assert answer.status == 200 or json.loads(answer.body)["message"]
