"""Scanning logs: our kernels beside gunzip alone and beside what everybody writes, in one run.

Seeded, made-up files: CloudTrail in big and in many small objects, invocation records of which 3 %
hold a telephone number. Wall time of two processes for CloudTrail, CPU of one for the invocations.
"""

import gzip
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import orjson
from isal import igzip

from affidavit.logscan.cloudtrail import TrailScanner, TrailSettings
from affidavit.logscan.invocations import InvocationScanner, ScanSettings

EVENTS, BIG, SMALL = 200_000, 10, 1000
RECORDS, HITS = 40_000, 0.03
FLAT = (10_000, 1_000_000)
ROUNDS = 3
WATCHED = frozenset({"bedrock.amazonaws.com:UpdateGuardrail", "iam.amazonaws.com:CreateRole"})
WORDS = (Path(__file__).parent.parent / "docs" / "architecture.md").read_text("utf-8").split()


def run() -> Mapping[str, float | str]:
    """Make the files, scan them in every way, and return times and ratios."""
    folder = Path(tempfile.mkdtemp(prefix="affidavit-bench-scan-"))
    try:
        return _cloudtrail(folder) | _invocations() | _memory(folder)
    finally:
        shutil.rmtree(folder)


def _event(drawn: random.Random, number: int) -> dict[str, Any]:
    source, name = drawn.choices(
        [
            ("s3", "GetObject"),
            ("sts", "AssumeRole"),
            ("ec2", "DescribeInstances"),
            ("kms", "Decrypt"),
            ("bedrock", "UpdateGuardrail"),
            ("iam", "CreateRole"),
        ],
        weights=[40, 24, 20, 10, 3, 3],
    )[0]
    identity = f"{drawn.getrandbits(128):032x}"
    return {
        "eventVersion": "1.10",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": f"AROA{identity[:16].upper()}:app",
            "arn": f"arn:aws:sts::111122223333:assumed-role/App{number % 90}/session",
            "accountId": "111122223333",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "arn": f"arn:aws:iam::111122223333:role/App{number % 90}",
                },
                "attributes": {"mfaAuthenticated": "false", "creationDate": "2026-11-23T10:00:00Z"},
            },
        },
        "eventTime": f"2026-11-23T{number % 24:02}:00:00Z",
        "eventSource": f"{source}.amazonaws.com",
        "eventName": name,
        "awsRegion": "us-east-1",
        "sourceIPAddress": f"10.0.{number % 250}.7",
        "userAgent": "aws-sdk-java/2.28.1 Linux/5.10 OpenJDK_64-Bit_Server_VM/17.0.12",
        "requestParameters": {
            "bucketName": f"bucket-{number % 40}",
            "key": f"part/{identity}",
            "filter": '{"eventName":["UpdateGuardrail"]}',
        },
        "responseElements": None,
        "requestID": identity,
        "eventID": str(uuid.UUID(identity)),
        "readOnly": name not in {"UpdateGuardrail", "CreateRole"},
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": "111122223333",
        "eventCategory": "Management",
    }


def _trails(folder: Path, files: int) -> list[str]:
    drawn = random.Random(6)  # noqa: S311 - repeatable files
    paths = []
    for number in range(files):
        path = folder / f"trail-{files}-{number}.json.gz"
        each = EVENTS // files
        records = [_event(drawn, number * each + i) for i in range(each)]
        path.write_bytes(gzip.compress(orjson.dumps({"Records": records}), 6))
        paths.append(str(path))
    return paths


def gunzip_only(path: str) -> int:
    """Decompress with igzip and look at nothing."""
    return len(igzip.decompress(Path(path).read_bytes())) and 0


def naive(path: str) -> int:
    """Do what everybody writes: the standard library's gzip, all of the JSON as objects."""
    found = orjson.loads(gzip.decompress(Path(path).read_bytes()))["Records"]
    return sum(f"{r['eventSource']}:{r['eventName']}" in WATCHED for r in found)


def ours(path: str) -> int:
    """Run the kernel, exact records kept."""
    found: list[Any] = []
    TrailScanner(TrailSettings(events=WATCHED, integrity=False)).scan(
        Path(path).read_bytes(), path, found.append
    )
    return len(found)


def _cloudtrail(folder: Path) -> dict[str, float | str]:
    figures: dict[str, float | str] = {}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for name, files in (("big", BIG), ("small", SMALL)):
            paths = _trails(folder, files)
            counts, times = {}, {}
            for kernel in (gunzip_only, ours, naive):
                spans = []
                for _ in range(ROUNDS + 1):  # the first one warms the processes
                    started = time.perf_counter()
                    counts[kernel] = sum(pool.map(kernel, paths, chunksize=max(1, files // 20)))
                    spans.append(time.perf_counter() - started)
                times[kernel] = sorted(spans[1:])[ROUNDS // 2]
            assert counts[ours] == counts[naive] > 0
            figures |= {
                f"cloudtrail_{name}_s": times[ours],
                f"cloudtrail_{name}_ratio_to_igzip": times[ours] / times[gunzip_only],
                f"cloudtrail_{name}_times_quicker_than_naive": times[naive] / times[ours],
            }
            figures |= _peers(name, paths, counts[ours], times[ours])
    return figures


def _peers(name: str, paths: list[str], wanted: int, own: float) -> dict[str, float | str]:
    """Ask DuckDB for the same events; Polars only where it is installed."""
    import duckdb

    figures: dict[str, float | str] = {}
    some = paths[: max(1, len(paths) // 10)]
    started = time.perf_counter()
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2")
        connection.execute(
            "SELECT count(*) FROM (SELECT unnest(Records) AS r FROM read_json(?, format='auto', "
            "columns={'Records': 'STRUCT(eventSource VARCHAR, eventName VARCHAR)[]'}, "
            "maximum_object_size=200000000)) "
            "WHERE (r.eventSource || ':' || r.eventName) IN ?",
            [some, sorted(WATCHED)],
        ).fetchone()
    spent = (time.perf_counter() - started) * len(paths) / len(some)
    figures[f"cloudtrail_{name}_times_quicker_than_duckdb"] = spent / own
    figures[f"cloudtrail_{name}_matches"] = float(wanted)
    return figures


def _record(drawn: random.Random, number: int) -> bytes:
    at = drawn.randrange(len(WORDS) - 200)
    question, answer = " ".join(WORDS[at : at + 60]), " ".join(WORDS[at + 60 : at + 200])
    if drawn.random() < HITS:
        answer += f" You can reach customer service at 415-555-{number % 10000:04}."
    body: Any = {
        "output": {"message": {"role": "assistant", "content": [{"text": answer}]}},
        "stopReason": "end_turn",
        "amazon-bedrock-guardrailAction": "NONE",
        "usage": {"inputTokens": 60, "outputTokens": 140},
    }
    record = {
        "timestamp": f"2026-11-23T{number % 24:02}:00:00Z",
        "accountId": "111122223333",
        "identity": {"arn": "arn:aws:sts::111122223333:assumed-role/App/session"},
        "region": "us-east-1",
        "requestId": f"{drawn.getrandbits(128):032x}",
        "operation": "InvokeModel",
        "modelId": "amazon.nova-lite-v1:0",
        "input": {
            "inputContentType": "application/json",
            "inputBodyJson": {"messages": [{"role": "user", "content": [{"text": question}]}]},
            "inputTokenCount": 60,
        },
        "output": {"outputContentType": "application/json", "outputBodyJson": body},
        "schemaType": "ModelInvocationLog",
        "schemaVersion": "1.0",
    }
    return orjson.dumps(record) + b"\n"


def _lines(count: int) -> Iterator[bytes]:
    drawn = random.Random(7)  # noqa: S311 - repeatable files
    return (_record(drawn, number) for number in range(count))


def _invocations() -> dict[str, float | str]:
    data = gzip.compress(b"".join(_lines(RECORDS)), 6)
    scanner = InvocationScanner(ScanSettings(key=b"0123456789abcdef"))
    found: list[Any] = []

    def baseline() -> None:
        for line in igzip.decompress(data).split(b"\n"):
            if line:
                orjson.loads(line)

    def scan() -> None:
        found.clear()
        scanner.scan(data, "bench", found.append)

    limit, spent = _best(baseline), _best(scan)
    return {
        "invocations_records_per_s": RECORDS / spent,
        "invocations_ratio_to_gunzip_orjson": spent / limit,
        "invocations_findings_share": len(found) / RECORDS,
    }


def _best(action: Callable[[], None]) -> float:
    spans = []
    for _ in range(ROUNDS):
        started = time.process_time()
        action()
        spans.append(time.process_time() - started)
    return min(spans)


def _memory(folder: Path) -> dict[str, float | str]:
    """Scan one file of few and one of many records, each in its own process."""
    figures: dict[str, float | str] = {}
    block = b"".join(_lines(FLAT[0]))
    for count in FLAT:
        path = folder / f"flat-{count}.json.gz"
        member = gzip.compress(block, 1)
        with path.open("wb") as file:
            for _ in range(count // FLAT[0]):
                file.write(member)
        done = subprocess.run(
            [sys.executable, "-m", "bench.scan", str(path)],
            capture_output=True,
            text=True,
            check=True,
        )
        peak = json.loads(done.stdout)
        assert peak["records"] == count
        figures[f"invocations_{count}_records_peak_mib"] = peak["mib"]
    return figures


def _peak(path: str) -> None:
    from affidavit.operations import scans

    look = scans.invocation_settings()
    request = scans.ScanRequest(where=scans.Where(uris=(path,)), look=look, processes=1)
    outcome = scans.scan(request, show=lambda _line: None)
    status = Path("/proc/self/status").read_text("utf-8")  # ru_maxrss would be the parent's too
    mib = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    print(json.dumps({"mib": mib, "records": outcome.totals.records}))


if __name__ == "__main__":
    _peak(sys.argv[1])
