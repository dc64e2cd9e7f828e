"""Invocation logs: every shape is read, nothing is lost silently, no text gets out."""

import base64
import gzip
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affidavit.logscan.findings import ScanFinding, Scanned
from affidavit.logscan.gunzip import ReadLimits
from affidavit.logscan.invocations import InvocationScanner, ScanSettings

PHONE = "415-555-0132"
SCANNER = InvocationScanner(ScanSettings(key=b"0123456789abcdef"))


def record(number: int, request: Any, answer: Any, **more: Any) -> dict[str, Any]:
    """Return a record as Bedrock writes it."""
    return {
        "schemaType": "ModelInvocationLog",
        "schemaVersion": "1.0",
        "timestamp": "2026-03-11T00:38:02Z",
        "accountId": "123456789012",
        "identity": {"arn": "arn:aws:sts::123456789012:assumed-role/App/session"},
        "region": "us-east-1",
        "requestId": f"ff4b6c63-0000-4000-8000-{number:012}",
        "operation": "InvokeModel",
        "modelId": "amazon.nova-lite-v1:0",
        "input": {"inputContentType": "application/json", "inputBodyJson": request},
        "output": {"outputContentType": "application/json", "outputBodyJson": answer},
        **more,
    }


EMPTY = {b"", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf"}
"""Nothing, and byte order marks before nothing."""
ASKED = {"messages": [{"role": "user", "content": [{"text": f"Please call me at {PHONE}"}]}]}
STREAM = [
    {"type": "message_start", "message": {"content": []}},
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"text": "reach customer service at 415-"},
    },
    {"type": "content_block_delta", "index": 0, "delta": {"text": "555-0132"}},
    "[DONE]",
]
REFUSED = {"output": {"message": {"content": [{"text": "I can't help with that."}]}}}
BLOCKED = {
    "amazon-bedrock-guardrailAction": "INTERVENED",
    "completion": "Sorry, the guardrail blocked this.",
    "amazon-bedrock-trace": {
        "guardrail": {
            "input": {
                "g1": {
                    "sensitiveInformationPolicy": {
                        "piiEntities": [
                            {"type": "NAME", "match": "Jo Doe", "action": "BLOCKED"},
                        ]
                    }
                }
            }
        }
    },
}
RECORDS = [
    record(1, ASKED, REFUSED),
    record(2, {"prompt": "hi"}, STREAM),
    record(3, json.dumps({"prompt": "x"}), BLOCKED),
]
LINES = [json.dumps(r).encode() for r in RECORDS]
EXPECTED = {
    "pii input PHONE": 1,
    "pii output PHONE": 1,
    "pii trace NAME": 1,
    "refusal output WORDS": 1,
    "guardrail trace sensitiveInformationPolicy": 1,
    "unguarded - NO_GUARDRAIL": 2,
}


def scan(data: bytes, scanner: InvocationScanner = SCANNER, uri: str = "log.json.gz") -> Scanned:
    """Scan, whatever is found."""
    return scanner.scan(data, uri, lambda _finding: None)


def found(data: bytes) -> list[ScanFinding]:
    """Return the findings."""
    findings: list[ScanFinding] = []
    SCANNER.scan(data, "log.json.gz", findings.append)
    return findings


def _inner(*lines: bytes) -> bytes:
    """Return what CloudWatch Logs sends to subscribers, and Firehose writes behind one another."""
    return json.dumps(
        {"logEvents": [{"id": "1", "message": one.decode()} for one in lines]}
    ).encode()


def _payload(*lines: bytes) -> bytes:
    """Return it as Lambda gets it."""
    packed = base64.b64encode(gzip.compress(_inner(*(lines or LINES)))).decode()
    return json.dumps({"awslogs": {"data": packed}}).encode()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\n".join(LINES), id="lines"),
        pytest.param(b"\xef\xbb\xbf" + b"\r\n".join(LINES) + b"\r\n", id="bom-crlf"),
        pytest.param(b"\n\n".join(json.dumps(r, indent=2).encode() for r in RECORDS), id="pretty"),
        pytest.param(json.dumps(RECORDS).encode(), id="array"),
        pytest.param(json.dumps(RECORDS, indent=1).encode(), id="pretty-array"),
        pytest.param(b"[" + b",\n".join(LINES) + b"]", id="array-of-lines"),
        pytest.param(b"[\n" + b",\n".join(LINES) + b"\n]\n", id="array-with-lines"),
        pytest.param(json.dumps(RECORDS).encode("utf-16"), id="utf-16"),
        pytest.param(json.dumps({"events": [{"message": x.decode()} for x in LINES]}).encode(),
                     id="cloudwatch-get"),
        pytest.param(b"\n".join(b"2026-03-11T00:38:02.000Z " + x for x in LINES),
                     id="cloudwatch-export"),
        pytest.param(_payload(), id="subscription"),
        pytest.param(b"".join(_payload(line) for line in LINES), id="subscriptions"),
        pytest.param(b"".join(_inner(line) for line in LINES), id="firehose"),
        pytest.param(b",".join(LINES) + b",", id="commas"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("packed", [False, True])
def test_every_wrapping_gives_the_same(data: bytes, packed: bool) -> None:
    """Whatever stands around the records, they are all read, and nothing is a gap."""
    result = scan(gzip.compress(data) if packed else data)
    assert dict(result.totals.findings) == EXPECTED
    assert result.totals.records == 3
    assert result.gaps == ()


@pytest.mark.parametrize(
    ("rest", "records", "gaps"),
    [(b"{", 1, 1), (b"x", 1, 1), (b" 7 8", 1, 1), (b"[1", 1, 1), (b",", 1, 0), (b"\x00", 1, 1)],
)
def test_what_follows_a_record_on_its_line_is_read_or_named(
    rest: bytes, records: int, gaps: int
) -> None:
    """The record counts; damage behind it is a gap."""
    result = scan(LINES[0] + rest)
    assert (result.totals.records, sum(gap.count for gap in result.gaps)) == (records, gaps)


@pytest.mark.parametrize(
    "line", [b",", b"2026-11-23 hello", b"x", b"7,x", b"0.12, 3.4,", b"1 2", b"5,"]
)
def test_lines_of_words_are_named(line: bytes) -> None:
    """What is no JSON at all is a gap, and no value of another kind."""
    result = scan(line)
    assert (result.totals.foreign, [gap.count for gap in result.gaps]) == (0, [1])


def test_every_member_of_a_gzip_file_is_read() -> None:
    """Several members behind one another, with padding at the end, are one object."""
    data = b"".join(gzip.compress(line + b"\n") for line in LINES) + bytes(512)
    result = scan(data)
    assert dict(result.totals.findings) == EXPECTED
    assert result.gaps == ()


def test_findings_show_no_text() -> None:
    """Type, place, hash and masked excerpt, equal hashes for equal values; never the number."""
    data = b"\n".join(LINES)
    findings = found(data)
    shown = json.dumps([f.to_json() for f in findings])
    assert PHONE not in shown
    assert "Jo Doe" not in shown
    phones = [f for f in findings if f.entity_type == "PHONE"]
    assert len({f.hash for f in phones}) == 1
    assert phones[0].excerpt == "Please call me at {PHONE}"
    streamed = phones[1]
    assert (streamed.part, streamed.start, streamed.end) == ("output", 26, 38)
    assert streamed.principal.endswith("assumed-role/App/session")


def test_machine_identifiers_are_no_findings() -> None:
    """Account ids, ARNs, UUIDs, request ids and times in texts are not personal data."""
    text = (
        "Account 123456789012, arn:aws:s3:::bucket/415-555-0132, req_01HZX4155550132, "
        "2026-11-23T10:00:00Z, 6f1e9a3c-0000-4155-8555-013212345678"
    )
    data = json.dumps(record(1, {"prompt": text}, {"completion": text})).encode()
    assert set(scan(data).totals.findings) == {"unguarded - NO_GUARDRAIL"}


@pytest.mark.parametrize(
    "block",
    [
        {"toolUse": {"toolUseId": "t", "name": "dial", "input": {"type": f"call {PHONE}"}}},
        {"type": "tool_use", "id": "t", "input": {"id": f"phone {PHONE}"}},
        {"toolResult": {"toolUseId": "t", "content": [{"json": {"role": f"call {PHONE}"}}]}},
        {"type": "tool_result", "tool_use_id": "t", "content": f"call {PHONE}"},
        {"reasoningContent": {"reasoningText": {"text": f"call {PHONE}", "signature": "x"}}},
        {"type": "thinking", "thinking": f"call {PHONE}"},
        {"guardContent": {"text": {"text": f"call {PHONE}", "qualifiers": ["query"]}}},
        {"aBlockThatNobodyForesaw": [[{"deep": f"call {PHONE}"}]]},
    ],
)
def test_content_blocks_of_every_kind(block: dict[str, Any]) -> None:
    """Text is read wherever it stands, in tools and in kinds that are not known yet."""
    body = {"messages": [{"role": "user", "content": [{"text": "hi"}, block]}]}
    totals = scan(json.dumps(record(1, body, {"completion": "ok"})).encode()).totals
    assert totals.findings["pii input PHONE"] == 1


def test_bodies_kept_apart_are_read_and_named() -> None:
    """A body in its own object is scanned under its request's id; media are gaps."""
    findings: list[ScanFinding] = []
    uri = (
        "s3://b/AWSLogs/1/BedrockModelInvocationLogs/us-east-1/2026/03/11/00/data/r-1_input.json.gz"
    )
    SCANNER.scan(gzip.compress(json.dumps(ASKED).encode()), uri, findings.append)
    assert [(f.request_id, f.entity_type) for f in findings] == [("r-1", "PHONE")]
    apart = record(1, None, {"completion": "ok"})
    apart["input"] = {"inputBodyS3Path": uri}
    result = scan(json.dumps(apart).encode())
    assert result.references == (uri,)
    assert result.totals.guard_unknown == 1
    media = scan(b"%PDF", uri=uri.replace("_input.json.gz", "_input_media_00.pdf"))
    assert media.gaps[0].is_media


def test_foreign_values_are_counted() -> None:
    """What is no invocation record is counted, and no gap; a half-written record is a gap."""
    result = scan(b'{"schemaType":"Other"}\n3\n{"a":1}\n' + LINES[0] + b"\n" + LINES[1][:-9])
    assert result.totals.foreign == 3
    assert result.totals.records == 1
    assert [gap.count for gap in result.gaps] == [1]


def test_cut_at_every_byte_is_never_silent() -> None:
    """Cut anywhere, an object gives a gap, or all records; the records before the cut stay."""
    whole = gzip.compress(b"\n".join(LINES) + b"\n")
    for cut in range(2, len(whole)):
        assert scan(whole[:cut]).gaps, cut
    plain = b"\n".join(LINES)
    ends = {len(LINES[0]), len(LINES[0]) + 1}
    ends |= {max(ends) + len(LINES[1]), max(ends) + len(LINES[1]) + 1}
    for cut in range(1, len(plain), 7):
        result = scan(plain[:cut])
        assert result.gaps or cut in ends, cut
        assert result.totals.records == sum(cut >= end for end in sorted(ends)[::2]), cut


def test_altered_bytes_are_never_silent() -> None:
    """One altered byte in the compressed data is noticed."""
    whole = gzip.compress(b"\n".join(LINES) + b"\n")
    drawn = random.Random(6)  # noqa: S311 - repeatable damage
    for _ in range(150):
        at = drawn.randrange(12, len(whole))
        damaged = bytearray(whole)
        damaged[at] ^= 1 << drawn.randrange(8)
        assert scan(bytes(damaged)).gaps, at


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_welcome(data: bytes) -> None:
    """Nothing crashes, and what is not JSON is a gap or a foreign value."""
    for given_data in (data, gzip.compress(data), b"\x1f\x8b" + data):
        result = scan(given_data)
        readable = given_data if given_data[:2] != b"\x1f\x8b" else data
        if readable.strip(b" \r\n\t\v\f\0,") not in {
            b"",
            b"\xff\xfe",
            b"\xfe\xff",
            b"\xef\xbb\xbf",
            b"[]",
        }:
            assert result.gaps or result.totals.foreign


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_wrong_encodings_are_read_as_far_as_they_can_be(encoding: str) -> None:
    """A record in another encoding is scanned all the same."""
    text = json.dumps(record(1, {"prompt": f"Müller, call {PHONE}"}, {}), ensure_ascii=False)
    assert scan(text.encode(encoding)).totals.findings["pii input PHONE"] == 1


def test_lone_surrogates_are_read() -> None:
    """JSON that msgspec refuses and Python accepts is scanned."""
    line = json.dumps(record(1, {"prompt": f"\ud800 call {PHONE}"}, {})).encode()
    assert scan(line).totals.findings["pii input PHONE"] == 1


def test_deep_nesting_is_a_gap() -> None:
    """A body that is nested without end is named, and the next record is read."""
    deep = b'{"modelId":"m","input":{"inputBodyJson":' + b"[" * 5000 + b"]" * 5000 + b"}}\n"
    result = scan(deep + LINES[0])
    assert result.gaps
    assert result.totals.findings["pii input PHONE"] == 1


@pytest.mark.parametrize("line", ['{"a":%s}', "%s", '{"modelId":"m","input":%s}', "[%s]"])
def test_endless_numbers_are_a_gap(line: str) -> None:
    """A number that Python refuses to read is named, ends no scan, and the next record is read."""
    result = scan((line % ("9" * 5000) + "\n").encode() + LINES[0])
    assert result.gaps
    assert result.totals.findings["pii input PHONE"] == 1


def test_bombs_and_endless_lines_are_bounded() -> None:
    """A bomb stops at its limit; a line beyond the limit is left out, and the next one is read."""
    limits = ReadLimits(line=100_000)
    scanner = InvocationScanner(ScanSettings(key=b"0123456789abcdef", limits=limits))
    bomb = gzip.compress(b"a" * (64 << 20))
    result = scan(bomb, scanner)
    assert any("times its compressed size" in gap.why for gap in result.gaps)
    assert result.totals.raw < 32 << 20
    noise = random.Random(1).randbytes(6 << 20).hex().encode()  # noqa: S311 - repeatable
    long = b'{"a":"' + noise + b'"}\n' + LINES[0]
    result = scan(gzip.compress(long), scanner)
    assert "left out" in result.gaps[0].why
    assert result.totals.records == 1


def test_days_name_hours_without_records() -> None:
    """The population of a day says in which hours nothing was logged."""
    days = list(scan(LINES[0]).totals.days())
    assert [(d.day, d.records, len(d.hours_without)) for d in days] == [("2026-03-11", 1, 23)]


@pytest.mark.parametrize(
    "asked",
    [
        {"messages": [{"role": "user", "content": [{"guardContent": {"text": {"text": "hi"}}}]}]},
        {"messages": [], "guardrailConfig": {"guardrailIdentifier": ""}},
        {"messages": [], "tools": [{"input_schema": {"guardrailConfig": {"type": "string"}}}]},
        {"messages": [], "tools": [{"input_schema": {"trace": {"guardrail": {}}}}]},
        {"messages": [], "trace": {"guardrail": {"topicPolicy": {"action": "BLOCKED"}}}},
        {"messages": [], "amazon-bedrock-guardrailAction": "NONE"},
        {"messages": [], "stop_reason": "guardrail_intervened"},
    ],
)
@pytest.mark.parametrize("quick", [True, False])
def test_what_people_write_is_no_guardrail(asked: dict[str, Any], quick: bool) -> None:
    """Only a guardrail that the request names at its top, or that the answer shows, was there."""
    data = json.dumps(record(1, asked, {"completion": "ok"})).encode()
    scanner = InvocationScanner(ScanSettings(key=b"k" * 32), quick=quick)
    found = scanner.scan(data, "s3://b/a.json", lambda _: None).totals.findings
    assert found["unguarded - NO_GUARDRAIL"] == 1
    assert not [name for name in found if name.startswith("guardrail")]


@pytest.mark.parametrize(
    "said",
    [
        {"images": ["iVBORw0KGgo" + "A" * 200]},
        {"artifacts": [{"base64": "/9j/4AAQ" + "B" * 200, "finishReason": "SUCCESS"}]},
        {"data": [{"b64_json": "iVBORw0KGgo" + "A" * 200}]},
    ],
)
def test_pictures_in_answers_are_not_scanned_and_say_so(said: dict[str, Any]) -> None:
    """A picture may show anything: that nothing was found in its base64 proves nothing."""
    result = scan(json.dumps(record(1, {"prompt": "a cat"}, said)).encode())
    assert [gap.is_media for gap in result.gaps] == [True]


@pytest.mark.parametrize("quick", [True, False])
@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"card": 4111111111111111}, "CREDIT_DEBIT_CARD_NUMBER"),
        ({"cards": [4111111111111111]}, "CREDIT_DEBIT_CARD_NUMBER"),
        (4111111111111111, "CREDIT_DEBIT_CARD_NUMBER"),
        ({"maria.sample@mail.northwind-post.com": True}, "EMAIL"),
    ],
)
def test_numbers_and_keys_that_a_tool_is_given_are_read(given: Any, kind: str, quick: bool) -> None:
    """A model that calls a tool discloses in numbers and keys too, as it does in a stream."""
    said = {"content": [{"type": "tool_use", "id": "t", "name": "pay", "input": given}]}
    data = json.dumps(record(1, {"prompt": "pay"}, said)).encode()
    scanner = InvocationScanner(ScanSettings(key=b"k" * 32), quick=quick)
    found = scanner.scan(data, "s3://b/a.json", lambda _: None).totals.findings
    assert found[f"pii output {kind}"] == 1
