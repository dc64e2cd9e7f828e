"""Counts of invocation logs: each call once, whatever its record looks like."""

import gzip
import json
from typing import Any

import pytest

from affidavit.logscan.detectors import Allowed
from affidavit.logscan.invocations import ScanSettings
from affidavit.logscan.usage import MOST, OTHERS, Use, Uses
from affidavit.sources.day import Day
from affidavit.sources.log_counts import MAX_LISTED, LogCounts
from affidavit.sources.origin import Origin

LEAK = "Call maria.sample@mail.northwind-post.com"
BASE = "s3://b/AWSLogs/1/BedrockModelInvocationLogs/r/2026/11/29/10"


def record(answer: str | None, number: int = 0, **more: Any) -> dict[str, Any]:
    """Return a record of Bedrock's with one answer; None: its body is kept apart."""
    body: dict[str, Any] = {"output": {"message": {"content": [{"text": answer}]}}}
    output: dict[str, Any] = {"outputBodyJson": body}
    if answer is None:
        output = {"outputBodyS3Path": f"{BASE}/data/r{number}_output.json.gz"}
    return {
        "schemaType": "ModelInvocationLog",
        "timestamp": "2026-11-29T10:00:00Z",
        "requestId": f"r{number}",
        "modelId": "m",
        "input": {"inputBodyJson": {"messages": [{"content": [{"text": "Hi"}]}]}},
        "output": output,
        **more,
    }


def counted(*objects: tuple[str, list[Any]]) -> LogCounts:
    """Return the counts of objects, each a name and its values."""
    counts = LogCounts(ScanSettings(key=b"k" * 32))
    for name, values in objects:
        lines = "\n".join(json.dumps(value) for value in values)
        counts.add(gzip.compress(lines.encode()), f"{BASE}/{name}")
    return counts


def test_a_call_counts_once_however_much_it_discloses() -> None:
    """Two addresses in one output are one output and two disclosures."""
    counts = counted(("a.json.gz", [record(f"{LEAK} or other.sample@mail.northwind-post.com")]))
    (model,) = counts.to_json()["models"]
    assert model["personal"] == [{"types": ["EMAIL"], "records": 1}]
    assert counts.found == 2


def test_a_body_kept_apart_counts_for_its_model() -> None:
    """What an output that is kept apart discloses is counted with its record's model, once."""
    apart = {"output": {"message": {"content": [{"text": LEAK}]}}}
    counts = counted(
        ("a.json.gz", [record(None, 1), record("Fine", 2)]), ("data/r1_output.json.gz", [apart])
    )
    (model,) = counts.to_json()["models"]
    assert model["personal"] == [{"types": ["EMAIL"], "records": 1}]
    assert (model["records"], model["incomplete"]) == (2, 1)
    assert not list(counts.missing())


def test_a_body_that_does_not_come_is_missing() -> None:
    """A record that refers to a body nobody has names it."""
    counts = counted(("a.json.gz", [record(None, 1)]))
    assert list(counts.missing()) == [f"{BASE}/data/r1_output.json.gz"]


def test_groups_come_from_request_metadata_only() -> None:
    """`group` and `group:<attribute>` are groups; other keys and values of other kinds are not."""
    counts = counted(
        (
            "a.json.gz",
            [
                record("Fine", 1, requestMetadata={"group:age": "old", "suite": "x"}),
                record("I'm sorry, but I can't help with that request.", 2,
                       requestMetadata={"group:age": "young", "group": 7}),
                record("Fine", 3, requestMetadata="odd"),
            ],
        )
    )  # fmt: skip
    groups = {(g["attribute"], g["group"]): g for g in counts.to_json()["groups"]}
    assert set(groups) == {("age", "old"), ("age", "young")}
    assert groups["age", "young"]["refused"] == 1
    assert groups["age", "old"]["refused"] == 0


def test_errors_are_no_answers() -> None:
    """A call that was answered with an error is counted, and is neither guarded nor unguarded."""
    failed = record("", 1, errorCode="ThrottlingException")
    del failed["output"]
    counts = counted(("a.json.gz", [failed]))
    (model,) = counts.to_json()["models"]
    assert (model["records"], model["errors"], model["unguarded"]) == (1, 1, 0)


def test_what_is_damaged_is_unread_with_its_name() -> None:
    """A line that is cut off is counted as unread; the records before it count."""
    counts = LogCounts(ScanSettings(key=b"k" * 32))
    text = json.dumps(record("Fine", 1)) + "\n" + json.dumps(record("Fine", 2))[:80]
    counts.add(gzip.compress(text.encode()), f"{BASE}/cut.json.gz")
    told = counts.to_json()
    assert told["population"]["records"] == 1
    assert told["unreadInAll"] == 1
    assert told["unread"][0]["objectUri"].endswith("/cut.json.gz")


def test_the_list_of_disclosures_is_bounded_and_the_counts_are_not() -> None:
    """Beyond the bound disclosures are counted, not listed."""
    records = [record(LEAK, number) for number in range(MAX_LISTED + 5)]
    counts = counted(("a.json.gz", records))
    told = counts.to_json()
    assert len(told["findings"]) == MAX_LISTED
    assert told["findingsInAll"] == MAX_LISTED + 5
    assert sum(p["records"] for p in told["models"][0]["personal"]) == MAX_LISTED + 5


def test_an_answer_that_was_not_delivered_is_unread() -> None:
    """Where text delivery is off there is nothing to look at: that is not "nothing found"."""
    bare, null = record("Fine", 1), record("Fine", 2)
    bare["output"], null["output"] = {"outputTokenCount": 3}, {"outputBodyJson": None}
    told = counted(("a.json.gz", [bare, null, record("Fine", 3)])).to_json()
    assert told["unreadInAll"] == 2
    assert "was not delivered" in told["unread"][0]["why"]


def test_a_call_that_is_logged_twice_counts_once() -> None:
    """A copy of an object does not make a log more complete than it is."""
    counts = counted(("a.json.gz", [record("Fine", 1)]), ("copy.json.gz", [record("Fine", 1)]))
    told = counts.to_json()
    assert told["models"][0]["records"] == 1
    assert told["population"]["repeated"] == 1


@pytest.mark.parametrize(
    "strange",
    [
        {"accountId": "444455556666"},
        {"region": "eu-west-1"},
        {"timestamp": "2026-11-28T22:59:59Z"},
        {"timestamp": "2026-11-30T01:00:00Z"},
    ],
)
def test_records_from_elsewhere_do_not_fill_a_log(strange: dict[str, Any]) -> None:
    """A record of another account, Region or day is unread, and counts for no model."""
    origin = Origin(account_id="111122223333", region="us-east-1", day=Day.of("2026-11-29"))
    counts = LogCounts(ScanSettings(key=b"k" * 32), origin)
    own = {"accountId": "111122223333", "region": "us-east-1"}
    near = [
        record("Fine", number, **own, timestamp=time)
        for number, time in enumerate(("2026-11-28T23:59:59Z", "2026-11-30T00:00:01Z"))
    ]
    lines = [*near, record("Fine", 7, **{**own, **strange})]
    counts.add("\n".join(map(json.dumps, lines)).encode(), f"{BASE}/a.json")
    told = counts.to_json()
    assert told["models"][0]["records"] == 2
    assert (told["unreadInAll"], told["unread"][0]["why"][:8]) == (1, "a record")


def test_a_stream_that_broke_off_disclosed_all_the_same() -> None:
    """An error after half an answer takes back nothing that was said until then."""
    counts = counted(("a.json.gz", [record(LEAK, 1, errorCode="ModelStreamErrorException")]))
    (model,) = counts.to_json()["models"]
    assert (model["errors"], model["personal"]) == (1, [{"types": ["EMAIL"], "records": 1}])


def test_a_copy_that_says_more_is_heard() -> None:
    """A second record of a call, in another object, cannot hide what it discloses."""
    counts = counted(("a.json.gz", [record("Fine", 1)]), ("b.json.gz", [record(LEAK, 1)]))
    told = counts.to_json()
    assert told["population"]["repeated"] == 1
    assert told["models"][0]["personal"] == [{"types": ["EMAIL"], "records": 1}]


def test_a_copy_that_says_the_same_counts_once() -> None:
    """Delivered twice is disclosed once."""
    counts = counted(("a.json.gz", [record(LEAK, 1)]), ("b.json.gz", [record(LEAK, 1)]))
    (model,) = counts.to_json()["models"]
    assert (model["records"], model["personal"][0]["records"]) == (1, 1)


def test_a_body_that_comes_before_its_record_counts_for_its_model() -> None:
    """A body of the hour before the record's is not laid at nobody's door."""
    apart = {"output": {"message": {"content": [{"text": LEAK}]}}}
    counts = counted(("data/r1_output.json.gz", [apart]), ("a.json.gz", [record(None, 1)]))
    (model,) = counts.to_json()["models"]
    assert (model["modelId"], model["personal"][0]["records"]) == ("m", 1)


def test_a_body_without_a_record_leaves_it_open() -> None:
    """What a body discloses whose call no record names is unread, never nothing."""
    apart = {"output": {"message": {"content": [{"text": LEAK}]}}}
    told = counted(("data/r9_output.json.gz", [apart]), ("a.json.gz", [record("Fine", 1)]))
    assert told.to_json()["unreadInAll"] == 1


@pytest.mark.parametrize("empty", ["", {}, []])
def test_an_empty_answer_is_unread(empty: Any) -> None:
    """Nothing was delivered, so nothing was looked at."""
    bare = record("Fine", 1)
    bare["output"] = {"outputBodyJson": empty}
    assert counted(("a.json.gz", [bare])).to_json()["unreadInAll"] == 1


def test_a_folder_called_data_hides_no_records() -> None:
    """A prefix that ends in data does not make records bodies that are kept apart."""
    counts = LogCounts(ScanSettings(key=b"k" * 32))
    uri = f"s3://b/data/{BASE.partition('AWSLogs')[2]}/a.json"
    counts.add(json.dumps(record(LEAK, 1)).encode(), uri)
    (model,) = counts.to_json()["models"]
    assert model["records"] == 1


def test_what_is_the_companys_own_is_left_out_and_told() -> None:
    """An own address is no disclosure; the list, and how often each entry was met, are told."""
    allowed = Allowed(domains=frozenset({"northwind-post.com"}), origin="version 2")
    counts = LogCounts(ScanSettings(key=b"k" * 32, allowed=allowed))
    other = record("Or jo.sample@elsewhere-post.com", 2)
    lines = "\n".join(json.dumps(one) for one in [record(LEAK, 1), other])
    counts.add(gzip.compress(lines.encode()), f"{BASE}/a.json.gz")
    told = counts.to_json()
    assert counts.found == 1
    assert told["own"] == {
        "list": "version 2",
        "numbers": [],
        "domains": ["northwind-post.com"],
        "leftOut": [
            {"part": "output", "entityType": "EMAIL", "entry": "northwind-post.com",
             "modelId": "m", "count": 1},
        ],
        "leftOutInAll": 1,
    }  # fmt: skip


def test_use_is_told_by_model_and_principal() -> None:
    """Calls, errors, tokens and latency add up; the sessions of a role count together."""
    role = "arn:aws:sts::111122223333:assumed-role/app"
    body = {"output": {"message": {"content": [{"text": "Fine"}]}}, "metrics": {"latencyMs": 300}}
    output = {"outputBodyJson": body, "outputTokenCount": 7}
    records = [
        record("Fine", 1, identity={"arn": f"{role}/one"}, output=output),
        record("Fine", 2, identity={"arn": f"{role}/two"}, errorCode="ThrottlingException"),
        record("Fine", 3),
    ]
    told = counted(("a.json.gz", records)).to_json()
    one = {"errors": 1, "inputTokens": 0, "outputTokens": 7, "timed": 1, "latencyMs": 300}
    none = dict.fromkeys(one, 0)
    assert told["usedModels"] == [{"modelId": "m", "calls": 3, **one}]
    assert told["usedBy"] == [
        {"principal": role, "calls": 2, **one}, {"principal": "", "calls": 1, **none},
    ]  # fmt: skip


def test_there_is_an_end_to_the_names_of_use() -> None:
    """However many principals call, no more than some are told apart, and all calls are counted."""
    uses = Uses()
    for number in range(MOST + 50):
        uses.add(f"p{number}", Use(calls=2))
    assert (len(uses), uses[OTHERS].calls, uses.whole().calls) == (MOST + 1, 100, 2 * (MOST + 50))
