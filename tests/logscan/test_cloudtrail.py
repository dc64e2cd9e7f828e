"""CloudTrail files: exact records of the events asked for, and files that digests vouch for."""

import base64
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from affidavit.cli import main
from affidavit.logscan.cloudtrail import TrailScanner, TrailSettings
from affidavit.logscan.findings import ScanFinding, Scanned

UPDATE = "bedrock.amazonaws.com:UpdateGuardrail"
TRAIL = "AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/23"
DIGESTS = "AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/11/23"


def event(name: str, **more: Any) -> dict[str, Any]:
    """Return a management event."""
    return {
        "eventVersion": "1.10",
        "userIdentity": {
            "type": "AssumedRole",
            "arn": "arn:aws:sts::111122223333:assumed-role/Admin/me",
            "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::111122223333:role/Admin"}},
        },
        "eventTime": "2026-11-23T10:00:00Z",
        "eventSource": "bedrock.amazonaws.com",
        "eventName": name,
        "awsRegion": "us-east-1",
        "requestID": "r-1",
        "readOnly": False,
        "requestParameters": {"text": '"eventName":"UpdateGuardrail" ü'},
        **more,
    }


def scan(data: bytes, **look: Any) -> tuple[list[ScanFinding], Scanned]:
    """Scan a file for UpdateGuardrail, or for what `look` says."""
    found: list[ScanFinding] = []
    settings = TrailSettings(**{"events": frozenset({UPDATE}), **look})
    return found, TrailScanner(settings).scan(data, "trail.json.gz", found.append)


def trail(*events: dict[str, Any], indent: int | None = None) -> bytes:
    """Return a log file."""
    text = json.dumps({"Records": events}, ensure_ascii=False, indent=indent)
    return gzip.compress(text.encode(), mtime=0)


def test_matches_keep_the_record_byte_for_byte() -> None:
    """Only the asked event matches, not its name in a parameter; the record is a slice."""
    data = trail(event("UpdateGuardrail"), event("GetGuardrail"), indent=3)
    (found,), result = scan(data)
    assert found.record.encode() in gzip.decompress(data)
    assert json.loads(found.record) == event("UpdateGuardrail")
    assert found.issuer == "arn:aws:iam::111122223333:role/Admin"
    assert (found.request_id, result.totals.records, result.gaps) == ("r-1", 2, ())


def test_filters() -> None:
    """A whole service, read-only events, and errors can be asked for."""
    data = trail(
        event("UpdateGuardrail", errorCode="AccessDenied"),
        event("GetGuardrail", readOnly=True),
        event("DeleteGuardrail"),
    )
    everything = {"events": frozenset({"bedrock.amazonaws.com:*"})}
    assert len(scan(data, **everything)[0]) == 3
    assert [f.error_code for f in scan(data, **everything, errors_only=True)[0]] == ["AccessDenied"]
    (read,), _ = scan(data, **everything, read_only=True)
    assert read.entity_type.endswith(":GetGuardrail")
    assert len(scan(data, **everything, read_only=False)[0]) == 2


def test_insight_events_match_by_their_details() -> None:
    """An Insights event names its event below insightDetails."""
    insight = {
        "eventTime": "2026-11-23T10:00:00Z",
        "eventType": "AwsCloudTrailInsight",
        "eventID": "e-1",
        "insightDetails": {"eventSource": "bedrock.amazonaws.com", "eventName": "UpdateGuardrail"},
    }
    (found,), _ = scan(trail(insight))
    assert found.request_id == "e-1"


def test_cut_at_every_byte_is_never_silent() -> None:
    """A cut file gives a gap and the records before the cut."""
    data = trail(event("UpdateGuardrail"), event("UpdateGuardrail"))
    plain = gzip.decompress(data)
    assert all(scan(data[:cut])[1].gaps for cut in range(len(data)))
    assert all(scan(plain[:cut])[1].gaps for cut in range(len(plain)))
    found, _ = scan(plain[:-20])
    assert len(found) == 1
    several = data + data
    assert scan(several)[1].gaps


class Chain:
    """Two digests over two log files, signed as CloudTrail signs them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.keys = folder / "keys.json"
        der = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.PKCS1
        )
        keys = [{"Value": base64.b64encode(der).decode(), "Fingerprint": "f1"}]
        self.keys.write_text(json.dumps({"PublicKeyList": keys}), encoding="utf-8")
        self.logs = [self._write(f"{TRAIL}/{n}.json.gz", trail(event(n))) for n in ("A", "B")]
        before: dict[str, Any] = {}
        for number, log in enumerate(self.logs):
            before = self._digest(number, log, before)

    def _write(self, key: str, data: bytes) -> Path:
        path = self.folder / "bucket" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def _digest(self, number: int, log: Path, before: dict[str, Any]) -> dict[str, Any]:
        key = f"{DIGESTS}/{number}.json.gz"
        hashed = hashlib.sha256(gzip.decompress(log.read_bytes())).hexdigest()
        digest = {
            "awsAccountId": "111122223333",
            "digestStartTime": f"2026-11-23T1{number}:00:00Z",
            "digestEndTime": f"2026-11-23T1{number + 1}:00:00Z",
            "digestS3Bucket": "b",
            "digestS3Object": key,
            "digestPublicKeyFingerprint": "f1",
            "digestSignatureAlgorithm": "SHA256withRSA",
            "previousDigestS3Object": None,
            "previousDigestHashValue": None,
            "previousDigestSignature": None,
            **before,
            "logFiles": [{"s3Bucket": "b", "s3Object": f"{TRAIL}/{log.name}", "hashValue": hashed}],
        }
        content = json.dumps(digest).encode()
        own = hashlib.sha256(content).hexdigest()
        signed = "\n".join(
            [
                f"2026-11-23T1{number + 1}:00:00Z",
                f"b/{key}",
                own,
                before.get("previousDigestSignature", "null"),
            ]
        )
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        self._write(key, gzip.compress(content))
        return {
            "previousDigestS3Object": key,
            "previousDigestHashValue": own,
            "previousDigestSignature": signature.hex(),
        }


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    """Return a folder of logs and digests."""
    return Chain(tmp_path)


def run(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """Run a scan as a person types it; return exit code and JSON lines."""
    result = CliRunner().invoke(main, ["scan", *arguments, "--json"])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    return result.exit_code, [row for row in rows if row["kind"] != "totals"]


def test_a_sound_chain_has_no_findings(chain: Chain) -> None:
    """What can be verified is; the newest signature and the chain's beginning are named."""
    code, rows = run("cloudtrail", str(chain.folder / "bucket"), "--public-keys", str(chain.keys))
    assert [row["kind"] for row in rows] == ["gap"]
    assert "no digest after it" in rows[0]["why"]
    assert code == 3


def test_missing_altered_and_forged_files_are_findings(chain: Chain) -> None:
    """A log file that is gone, one that was changed and a digest that was changed are named."""
    chain.logs[0].unlink()
    chain.logs[1].write_bytes(trail(event("C")))
    first = chain.folder / "bucket" / DIGESTS / "0.json.gz"
    altered = gzip.decompress(first.read_bytes()).replace(b'"logFiles"', b'"x":1,"logFiles"')
    first.write_bytes(gzip.compress(altered))
    _, rows = run("cloudtrail", str(chain.folder / "bucket"), "--public-keys", str(chain.keys))
    assert {row["entityType"] for row in rows if row["kind"] == "integrity"} == {
        *("LOG_FILE_MISSING", "LOG_FILE_ALTERED", "DIGEST_ALTERED", "DIGEST_SIGNATURE")
    }


def test_exit_codes_and_parquet(tmp_path: Path) -> None:
    """0 for nothing, 1 for something, 3 for nothing but a gap; Parquet has the lines' columns."""
    import pyarrow.parquet as pq

    file = tmp_path / "a.json.gz"
    file.write_bytes(trail(event("UpdateGuardrail")))
    assert run("cloudtrail", str(file), "--event", "s3.amazonaws.com:*") == (0, [])
    code, rows = run("cloudtrail", str(file), "--parquet", str(tmp_path / "f.parquet"))
    assert code == 1
    assert pq.read_table(tmp_path / "f.parquet").to_pylist() == rows
    (tmp_path / "b.json.gz").write_bytes(file.read_bytes()[:-30])
    code, rows = run("cloudtrail", str(tmp_path / "b.json.gz"), str(file))
    assert (code, rows[-1]["kind"]) == (1, "gap")
    assert rows[-1]["objectUri"].endswith("b.json.gz")
    cut = run("cloudtrail", str(tmp_path / "b.json.gz"), "--event", "s3.amazonaws.com:*")
    assert (cut[0], {row["kind"] for row in cut[1]}) == (3, {"gap"})
    assert run("cloudtrail", str(tmp_path / "nothing"))[0] == 2
