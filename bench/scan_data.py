"""Seeded, made-up log files that weigh what real ones weigh: CloudTrail and Bedrock invocations.

Invocation records come in the five shapes that are seen most (Converse, its stream, InvokeModel
and its stream of chunks for Anthropic's messages, Titan), with prose drawn from Python's
reference, so that gzip finds about as much to save (a fifth to a quarter is left) as in real
logs. A given share of the answers discloses a telephone number.
"""

import gzip
import hashlib
import random
import re
import uuid
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import orjson

HITS = 0.03
"""Share of the invocation records that disclose something."""
WATCHED = frozenset({"bedrock.amazonaws.com:UpdateGuardrail", "iam.amazonaws.com:CreateRole"})
_AGENTS = (
    "aws-sdk-java/2.28.1 Linux/5.10.234-225.910.amzn2.x86_64 OpenJDK_64-Bit_Server_VM/17.0.12",
    "Boto3/1.40.2 md/Botocore#1.40.2 ua/2.0 os/linux#5.15 lang/python#3.11.9",
    "aws-cli/2.27.4 exec-env/CloudShell prompt/off command/s3api.get-object",
    "s3.amazonaws.com",
)
_ROOT = Path(__file__).parent.parent


def prose() -> Sequence[str]:
    """Return the words of Python's own reference, without anything that looks like data."""
    text = "\n".join(topics[name] for name in sorted(topics))
    return re.findall(r"(?<![^\s])[A-Za-z][a-z']*[,.;]?(?![^\s])", text)


class Records:
    """Draws invocation records; the same seed gives the same ones."""

    def __init__(self, seed: int = 7) -> None:
        self._drawn = random.Random(seed)  # noqa: S311 - repeatable files
        self._words = prose()

    def text(self, words: int) -> str:
        """Return sentences: pieces of eight words from anywhere, now and then with a number."""
        drawn, all_words = self._drawn, self._words
        pieces: list[str] = []
        for _ in range(words // 8):
            at = drawn.randrange(len(all_words) - 8)
            pieces += all_words[at : at + 8]
            if drawn.random() < 0.04:
                pieces.append(f"{drawn.randrange(1, 400)}")
        return " ".join(pieces).capitalize() + "."

    def lines(self, count: int) -> Iterator[bytes]:
        """Return records as Bedrock writes them, one a line."""
        makers = (_converse, _converse, _stream, _messages, _titan)
        for number in range(count):
            drawn = self._drawn
            question = self.text(drawn.choice((16, 40, 80)))
            answer = self.text(drawn.choice((40, 120, 200)))
            if drawn.random() < HITS:
                answer += f" You can reach customer service at 415-555-{number % 10000:04}."
            operation, request, reply = makers[number % len(makers)](self, question, answer)
            yield orjson.dumps(self._record(number, operation, request, reply)) + b"\n"

    def _record(self, number: int, operation: str, request: Any, reply: Any) -> dict[str, Any]:
        identity = uuid.UUID(int=self._drawn.getrandbits(128), version=4)
        return {
            "timestamp": f"2026-11-{1 + number // 50_000 % 28:02}T{number % 24:02}:00:00Z",
            "accountId": "111122223333",
            "identity": {
                "arn": f"arn:aws:sts::111122223333:assumed-role/App{number % 9}/s-{number % 50}"
            },
            "region": "us-east-1",
            "requestId": str(identity),
            "operation": operation,
            "modelId": f"us.anthropic.claude-sonnet-4-2025051{number % 4}-v1:0",
            "input": {
                "inputContentType": "application/json",
                "inputBodyJson": request,
                "inputTokenCount": 60 + number % 90,
                "cacheReadInputTokenCount": 0,
                "cacheWriteInputTokenCount": 0,
            },
            "output": {
                "outputContentType": "application/json",
                "outputBodyJson": reply,
                "outputTokenCount": 140 + number % 70,
            },
            "inferenceRegion": "us-west-2",
            "schemaType": "ModelInvocationLog",
            "schemaVersion": "1.0",
        }

    def id(self, prefix: str) -> str:
        """Return an identifier of a message."""
        return f"{prefix}_{self._drawn.getrandbits(96):024x}"


def _converse(_: Records, question: str, answer: str) -> tuple[str, Any, Any]:
    request = {
        "messages": [
            {"role": "user", "content": [{"text": question[:80]}]},
            {"role": "assistant", "content": [{"text": answer[:120]}]},
            {"role": "user", "content": [{"text": question}]},
        ],
        "system": [{"text": "You are a helpful assistant. Answer briefly and politely."}],
        "inferenceConfig": {"maxTokens": 2000, "temperature": 0.7, "topP": 0.9},
        "guardrailConfig": {"guardrailIdentifier": "gr-1", "guardrailVersion": "3"},
    }
    reply = {
        "output": {"message": {"role": "assistant", "content": [{"text": answer}]}},
        "stopReason": "end_turn",
        "metrics": {"latencyMs": 1234},
        "usage": {"inputTokens": 60, "outputTokens": 140, "totalTokens": 200},
    }
    return "Converse", request, reply


def _anthropic(question: str) -> dict[str, Any]:
    return {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 2048,
        "system": "You are a helpful assistant. Answer briefly and politely.",
        "messages": [{"role": "user", "content": [{"type": "text", "text": question}]}],
        "temperature": 0.5,
    }


def _messages(drawn: Records, question: str, answer: str) -> tuple[str, Any, Any]:
    reply = {
        "id": drawn.id("msg_bdrk"),
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-20250514",
        "content": [{"type": "text", "text": answer}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 60, "output_tokens": 140},
        "amazon-bedrock-guardrailAction": "NONE",
    }
    return "InvokeModel", _anthropic(question), reply


def _stream(drawn: Records, question: str, answer: str) -> tuple[str, Any, Any]:
    start: dict[str, Any] = {
        "id": drawn.id("msg_bdrk"),
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-20250514",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 60, "output_tokens": 4},
    }
    pieces = [answer[at : at + 24] for at in range(0, len(answer), 24)]
    chunks = [
        {"type": "message_start", "message": start},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "text", "text": ""},
        },
        *(
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": piece},
            }
            for piece in pieces
        ),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 140},
        },
        {
            "type": "message_stop",
            "amazon-bedrock-invocationMetrics": {
                "inputTokenCount": 60,
                "outputTokenCount": 140,
                "invocationLatency": 2210,
                "firstByteLatency": 410,
            },
            "amazon-bedrock-guardrailAction": "NONE",
        },
    ]
    return "InvokeModelWithResponseStream", _anthropic(question), chunks


def _titan(_: Records, question: str, answer: str) -> tuple[str, Any, Any]:
    request = {
        "inputText": question,
        "textGenerationConfig": {
            "maxTokenCount": 512,
            "stopSequences": [],
            "temperature": 0,
            "topP": 1,
        },
    }
    reply = {
        "inputTextTokenCount": 60,
        "results": [{"tokenCount": 140, "outputText": answer, "completionReason": "FINISH"}],
        "amazon-bedrock-guardrailAction": "NONE",
    }
    return "InvokeModel", request, reply


class Events:
    """Draws CloudTrail events: many operations, roles, addresses and parameters, few of them often.

    The traps of real files are in it: the name of a watched event within parameters, and letters
    beyond ASCII.
    """

    def __init__(self, seed: int = 6) -> None:
        self._drawn = random.Random(seed)  # noqa: S311 - repeatable files
        lines = (_ROOT / "src/affidavit/operations/keyword_lists/cloudtrail.txt").read_text("utf-8")
        services = [line.partition(": ")[::2] for line in lines.splitlines() if ": " in line]
        names = [[service, name] for service, listed in services for name in listed.split()]
        self._drawn.shuffle(names)
        watched = [one.replace(".amazonaws.com", "").split(":") for one in sorted(WATCHED)]
        self._names = [*watched, *names[:3000]]
        self._weights = [*accumulate([75, 75, *(1000 / rank**1.15 for rank in range(1, 3001))])]
        assert len(self._names) == len(self._weights)

    def events(self, count: int) -> Iterator[dict[str, Any]]:
        """Return events of one file: of a quarter of an hour, with its own hundred roles."""
        drawn = self._drawn
        hour, quarter = drawn.randrange(24), 15 * drawn.randrange(4)
        roles = [f"App-{drawn.getrandbits(32):x}" for _ in range(100)]
        for number in range(count):
            source, name = drawn.choices(self._names, cum_weights=self._weights)[0]
            time = f"{hour:02}:{quarter + drawn.randrange(15):02}:{drawn.randrange(60):02}"
            yield self._event((source, name), drawn.choice(roles), number, time)

    def _event(self, event: tuple[str, str], role: str, number: int, time: str) -> dict[str, Any]:
        drawn = self._drawn
        source, name = event
        identity, unit = drawn.getrandbits(128), drawn.getrandbits(64)
        account = f"{111122223333 + len(role) * 7:012}"
        return {
            "eventVersion": "1.10",
            "userIdentity": {
                "type": "AssumedRole",
                "principalId": f"AROA{hash_of(role)}:i-{unit:016x}",
                "arn": f"arn:aws:sts::{account}:assumed-role/{role}/i-{unit:016x}",
                "accountId": account,
                "accessKeyId": f"ASIA{hash_of(role + str(number % 7))}",
                "sessionContext": {
                    "sessionIssuer": {
                        "type": "Role",
                        "principalId": f"AROA{hash_of(role)}",
                        "arn": f"arn:aws:iam::{account}:role/{role}",
                        "accountId": account,
                        "userName": role,
                    },
                    "attributes": {
                        "mfaAuthenticated": "false",
                        "creationDate": f"2026-11-23T{number % 24:02}:00:00Z",
                    },
                },
            },
            "eventTime": f"2026-11-23T{time}Z",
            "eventSource": f"{source}.amazonaws.com",
            "eventName": name,
            "awsRegion": drawn.choice(("us-east-1", "eu-central-1")),
            "sourceIPAddress": f"10.{unit % 250}.{unit % 241}.{unit % 239}",
            "userAgent": drawn.choice(_AGENTS),
            "requestParameters": self._parameters(unit),
            "responseElements": {"requestId": f"{identity:x}"} if number % 9 == 0 else None,
            "requestID": str(uuid.UUID(int=drawn.getrandbits(128))),
            "eventID": str(uuid.UUID(int=identity)),
            "readOnly": name.startswith(("Get", "List", "Describe")),
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": account,
            "eventCategory": "Management",
            "tlsDetails": {
                "tlsVersion": "TLSv1.3",
                "cipherSuite": "TLS_AES_128_GCM_SHA256",
                "clientProvidedHostHeader": f"{source}.us-east-1.amazonaws.com",
            },
        }

    def _parameters(self, unit: int) -> dict[str, Any]:
        drawn = self._drawn
        return drawn.choice(
            [
                {"bucketName": f"data-{unit % 97}", "key": f"part/{drawn.getrandbits(160):x}.gz"},
                {"instancesSet": {"items": [{"instanceId": f"i-{unit:016x}"}]}, "maxResults": 50},
                {"keyId": f"arn:aws:kms:us-east-1:111122223333:key/{uuid.UUID(int=unit << 64)}"},
                {"pattern": '{"detail":{"eventName":["UpdateGuardrail"]}}', "limit": unit % 100},
                {"tags": [{"key": "Größe", "value": f"mittel-{unit % 50}"}], "dryRun": False},
                {},
            ]
        )


def hash_of(text: str) -> str:
    """Return sixteen letters and digits, as ids of AWS have them."""
    return hashlib.sha256(text.encode()).hexdigest()[:16].upper()


def trails(folder: Path, events: int, files: int) -> list[str]:
    """Write CloudTrail files and return their paths."""
    drawn = Events()
    paths = []
    for number in range(files):
        path = folder / f"trail-{files}-{number}.json.gz"
        records = list(drawn.events(events // files))
        path.write_bytes(gzip.compress(orjson.dumps({"Records": records}), 6))
        paths.append(str(path))
    return paths
