"""CloudTrail files in pieces: the same records as in one, wherever a part ends."""

import gzip
import json
import subprocess
import sys
import tracemalloc
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from tests.logscan.test_cloudtrail import UPDATE, event

from affidavit.logscan import gunzip, trails
from affidavit.logscan.cloudtrail import TrailScanner, TrailSettings
from affidavit.logscan.findings import ScanFinding, Scanned
from affidavit.logscan.gunzip import ReadLimits
from affidavit.logscan.trails import Records, TrailReader

TRAP = [{"a": 1}, {"eventVersion": "1", "eventName": "UpdateGuardrail"}, {"eventVersion": "2"}]
EVENTS = [
    event("UpdateGuardrail", eventID="0"),
    event("GetGuardrail", additionalEventData='x"},{"eventVersion":"1.10"'),
    event("UpdateGuardrail", eventID="2", requestParameters={"list": TRAP}),
    event("ListGuardrails", requestParameters={"list": TRAP}),
    event("UpdateGuardrail", eventID="4", requestParameters={"name": "Größe \U0001f600"}),
    {"eventTime": "2026-11-23T11:00:00Z"},
    event("UpdateGuardrail", eventID="6"),
]


def text(events: list[dict[str, Any]], **more: Any) -> bytes:
    """Return a log file as CloudTrail writes it, without blanks."""
    content = {"Records": events, **more}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )


def scan(data: bytes) -> tuple[list[ScanFinding], Scanned]:
    """Scan for UpdateGuardrail."""
    found: list[ScanFinding] = []
    settings = TrailSettings(events=frozenset({UPDATE}))
    return found, TrailScanner(settings).scan(data, "trail.json.gz", found.append)


@pytest.mark.parametrize("part", [40, 333, 700, 1500, 10_000])
@pytest.mark.parametrize("packed", [False, True])
def test_pieces_give_what_the_whole_gives(
    part: int, packed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Traps in texts and in parameters, records without a name and parts of any size."""
    plain = text(EVENTS)
    data = gzip.compress(plain, mtime=0) if packed else plain
    whole = scan(data)
    monkeypatch.setattr(gunzip, "_PART", part)
    monkeypatch.setattr(trails, "_SMALL", 0)
    assert scan(data) == whole
    found, result = whole
    assert [json.loads(one.record)["eventID"] for one in found] == ["0", "2", "4", "6"]
    assert all(one.record.encode() in plain for one in found)
    assert result.totals.records == len(EVENTS)
    assert result.totals.raw == len(plain)
    assert [gap.why for gap in result.gaps] == ["a record names no event"]


_FAKE = '{"eventVersion":"1","eventName":"UpdateGuardrail","requestParameters":[{"eventVersion":'
RECORDS = (
    '{"eventVersion":"1.10","eventName":"A"}',
    '{"eventName":"B","eventVersion":"1.10"}',
    '{"eventName":"C"}',
    '{"eventVersion":"1","eventName":"D","eventVersion":"2"}',
    '{ "eventVersion" : "1" , "eventName" : "E" }',
    _FAKE + '"1"},{"eventVersion":"1"}]}',
    '{"eventName":"G","list":[{"eventVersion":"1"},{"eventVersion":"1"}],"eventVersion":"3"}',
    '{"eventVersion":{"eventVersion":"1"},"eventName":"\\"},{\\"eventVersion\\":"}',
    '{"eventVersion":null}',
)


@pytest.mark.parametrize("between", [",", " ,", ", "])
@pytest.mark.parametrize("after", ["]}", "] }\n", '],"more":[{"eventVersion":"1"},{}]}'])
def test_a_record_is_cut_out_exactly(between: str, after: str) -> None:
    """Whatever stands beside a record or within it, its bytes are its own."""
    for order in permutations(RECORDS, 3):
        piece = ('{"Records":[' + between.join(order) + after).encode()
        reader = TrailReader(ReadLimits(), pytest.fail, lambda _part: None)
        [(names, same)] = reader.pieces(gzip.compress(piece, 1))
        records = Records(names, same)
        assert [bytes(records[n]).decode() for n in range(3)] == list(order)


@pytest.mark.parametrize("part", [200, 900])
def test_what_is_cut_off_or_damaged_is_named(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut or damaged anywhere, the records before it are found, once, and a gap says so."""
    plain = text(EVENTS[:5])
    monkeypatch.setattr(gunzip, "_PART", part)
    ends = [plain.index(f'"eventID":"{n}"'.encode()) for n in (0, 2, 4)]
    for cut in range(1, len(plain), 9):
        found, result = scan(plain[:cut])
        assert result.gaps, cut
        assert len(found) <= sum(cut > end for end in ends), cut
        damaged, result = scan(plain[:cut] + b"\x00" + plain[cut + 1 :])
        assert result.gaps or len(damaged) == 3, cut
        assert [one.record for one in damaged[: len(found)]] == [one.record for one in found]


def test_a_second_array_and_foreign_files() -> None:
    """What is no CloudTrail file is a gap; members beside the records are not in the way."""
    assert len(scan(text(EVENTS[:3], more=[1]))[0]) == 2
    for data in (b"", b"{}", b'{"Records":', b'{"Records":3}', b"[]", b'{"Records":[]} x'):
        assert scan(data)[1].gaps, data
    assert scan(b'{"Records":[]}')[1].gaps == ()


@pytest.mark.parametrize("packed", [False, True])
def test_files_behind_one_another_are_all_read(packed: bool) -> None:
    """Two files in one object, as `cat` makes them: every record counts, and a gap names it."""
    one, other = text(EVENTS[:3]), text(EVENTS[4:])
    data = gzip.compress(one) + gzip.compress(other) if packed else one + other
    found, result = scan(data)
    assert [json.loads(one.record)["eventID"] for one in found] == ["0", "2", "4", "6"]
    assert result.totals.records == 6
    assert any("not a whole CloudTrail file" in gap.why for gap in result.gaps)


def test_bombs_and_endless_records_are_bounded() -> None:
    """A bomb stops at its ratio, and a record without end at that of one."""
    limits = ReadLimits(line=100_000)
    scanner = TrailScanner(TrailSettings(events=frozenset({UPDATE}), limits=limits))
    bomb = gzip.compress(b'{"Records":[' + b" " * (64 << 20))
    result = scanner.scan(bomb, "bomb", lambda _finding: None)
    assert any("times its compressed size" in gap.why for gap in result.gaps)
    assert result.totals.raw < 32 << 20
    endless = text([event("UpdateGuardrail", requestParameters={"x": "y" * 9_000_000})])
    result = scanner.scan(endless, "endless", lambda _finding: None)
    assert [gap.why for gap in result.gaps] == [
        "a record is damaged or has no end, and was left out"
    ]
    assert result.totals.raw == len(endless)


@pytest.mark.parametrize("blanks", [False, True])
@pytest.mark.parametrize("line", [3000, 2**26])
@pytest.mark.parametrize("damage", [b'"', b"{", b"}", b"\x00", b"\xff\xfe", b'\\"', b"]}"])
def test_records_behind_damage_are_found(
    blanks: bool, line: int, damage: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Damage costs the record that it stands in, in a file of any size and layout."""
    monkeypatch.setattr(gunzip, "_PART", 1000)
    events = [event("UpdateGuardrail", eventID=f"{n}") for n in range(20)]
    data = json.dumps({"Records": events}, indent=1).encode() if blanks else text(events)
    at = data.index(b'"eventID"', data.index(b'"eventID"') + 1)
    found: list[ScanFinding] = []
    wanted = TrailSettings(events=frozenset({UPDATE}), limits=ReadLimits(line=line))
    result = TrailScanner(wanted).scan(data[:at] + damage + data[at:], "trail.json", found.append)
    assert [json.loads(one.record)["eventID"] for one in found] in (
        [f"{n}" for n in range(20) if n != 1],
        [f"{n}" for n in range(20) if n not in {1, 2}],  # the end of the next one closes it
    )
    assert result.gaps
    assert result.totals.raw == len(data) + len(damage)


def test_a_damaged_file_costs_no_more_than_a_record_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """Peak memory is a few parts of the file, however much of it stands behind the damage."""
    monkeypatch.setattr(gunzip, "_PART", 2**16)
    record = text([event("UpdateGuardrail", requestParameters={"x": "y" * 2000})])[12:-2]
    data = b'{"Records":[{"a":"b""},' + b",".join([record] * 2000) + b"]}"
    limits = ReadLimits(line=2**18)
    scanner = TrailScanner(TrailSettings(events=frozenset({UPDATE}), limits=limits))
    found = 0

    def count(_: ScanFinding) -> None:
        nonlocal found
        found += 1

    tracemalloc.start()
    try:
        result = scanner.scan(data, "trail.json", count)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (found, len(result.gaps)) == (2000, 1)
    assert peak < len(data) // 3


@pytest.mark.slow
def test_a_line_of_a_gigabyte_costs_no_more_than_its_limit(tmp_path: Path) -> None:
    """Peak memory stays below a quarter of a line without end; the record after it is found."""
    path = tmp_path / "endless.json"
    call = json.dumps(
        {
            "schemaType": "ModelInvocationLog",
            "modelId": "m",
            "input": {"inputBodyJson": {"prompt": "call me at 415-555-0132"}},
            "output": {"outputBodyJson": {}},
        }
    )
    with path.open("wb") as file:
        for _ in range(1024):
            file.write(b"a" * (1 << 20))
        file.write(b"\n" + call.encode())
    code = (
        "import sys; from pathlib import Path\n"
        "from affidavit.logscan.invocations import InvocationScanner, ScanSettings\n"
        "import mmap\n"
        "file = Path(sys.argv[1]).open('rb')\n"
        "data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)\n"
        "found = []\n"
        "scanner = InvocationScanner(ScanSettings(key=b'0' * 16))\n"
        "result = scanner.scan(data, 'x', found.append)\n"
        "status = Path('/proc/self/status').read_text()\n"
        "anonymous = int(status.partition('RssAnon:')[2].split()[0]) // 1024\n"
        "print(len(found), result.gaps[0].why, anonymous, sep='|')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    findings, why, mib = done.stdout.strip().split("|")
    assert int(findings) == 2
    assert "left out" in why
    assert int(mib) < 256


def test_what_a_caller_sent_passes_for_no_record() -> None:
    """A request that holds what looks like the next record is never taken in its place."""
    forged = event("UpdateGuardrail", eventID="forged")
    told = event("PutItem", requestParameters={"list": [{"a": 1}, forged, {"eventVersion": "2"}]})
    found, _ = scan(gzip.compress(text([told, event("UpdateGuardrail", eventID="real")])))
    assert [json.loads(one.record)["eventID"] for one in found] == ["real"]
