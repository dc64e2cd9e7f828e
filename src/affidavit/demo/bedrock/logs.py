"""Invocation logs as Bedrock writes them: gzipped JSON lines in S3, or CloudWatch's events.

Amazon Bedrock user guide, "Monitor model invocation": bodies above 100 KB stand in `data/` apart.
"""

import gzip
import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from affidavit.model.times import iso, utc_now

LARGE: Final = 100 * 1024
Put = Callable[[str, bytes], None]
"""Stores an object: its key, its content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One call, as it is logged."""

    operation: str
    model_id: str
    request_id: str
    identity: str
    region: str
    account_id: str
    input: Any
    output: Any = None
    """A body, a stream's chunks as a list, or None where an error was answered."""
    input_tokens: int = 0
    output_tokens: int = 0
    error_code: str = ""
    metadata: Mapping[str, str] | None = None


def into_folder(folder: Path) -> Put:
    """Return what stores objects as files below `folder`."""

    def put(key: str, content: bytes) -> None:
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    return put


class InvocationLog:
    """Writes each call's record; used by many threads."""

    def __init__(
        self,
        put: Put,
        *,
        bucket: str = "demo-invocation-logs",
        prefix: str = "",
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._put, self._bucket, self._clock = put, bucket, clock
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._lock = threading.Lock()
        self._events: list[dict[str, Any]] = []

    def write(self, call: Invocation) -> None:
        """Store the record of a call, its large bodies apart, and keep it as an event."""
        now = self._clock()
        hour = (
            f"{self._prefix}AWSLogs/{call.account_id}/BedrockModelInvocationLogs/{call.region}/"
            f"{now:%Y/%m/%d/%H}"
        )
        record = self._record(call, now, hour)
        line = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        mark = hashlib.sha256(call.request_id.encode()).hexdigest()[:16]
        name = f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}Z_{mark}.json.gz"
        self._put(f"{hour}/{name}", gzip.compress(f"{line}\n".encode(), mtime=0))
        with self._lock:
            self._events.append({"timestamp": int(now.timestamp() * 1000), "message": line})

    def cloudwatch(self) -> dict[str, Any]:
        """Return the records as CloudWatch Logs' GetLogEvents answers them."""
        with self._lock:
            return {"events": list(self._events)}

    def _record(self, call: Invocation, now: datetime, hour: str) -> dict[str, Any]:
        record: dict[str, Any] = {
            "timestamp": iso(now.replace(microsecond=0)),
            "accountId": call.account_id,
            "identity": {"arn": call.identity},
            "region": call.region,
            "requestId": call.request_id,
            "operation": call.operation,
            "modelId": call.model_id,
            "input": self._body("input", call.input, call, hour),
        }
        record["input"]["inputTokenCount"] = call.input_tokens
        if call.error_code:
            record["errorCode"] = call.error_code
        else:
            record["output"] = self._body("output", call.output, call, hour)
            record["output"]["outputTokenCount"] = call.output_tokens
        if call.metadata:
            record["requestMetadata"] = dict(call.metadata)
        return {**record, "schemaType": "ModelInvocationLog", "schemaVersion": "1.0"}

    def _body(self, side: str, body: Any, call: Invocation, hour: str) -> dict[str, Any]:
        made: dict[str, Any] = {f"{side}ContentType": "application/json"}
        content = json.dumps(body, ensure_ascii=False).encode()
        if len(content) <= LARGE:
            return {**made, f"{side}BodyJson": body}
        key = f"{hour}/data/{call.request_id}_{side}.json.gz"
        self._put(key, gzip.compress(content, mtime=0))
        return {**made, f"{side}BodyS3Path": f"s3://{self._bucket}/{key}"}
