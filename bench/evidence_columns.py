"""Synthetic evidence as a segment's columns: seeded, and made by Arrow, a batch at once.

Making records, which the store's writer would take apart again, took longer than storing them.
"""

import random
from array import array
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import cycle, islice

import pyarrow as pa
import pyarrow.compute as pc

from affidavit.model.evidence import Evidence
from affidavit.model.verdict import Standing, Verdict
from affidavit.store.segment_columns import FIELDS, schema
from affidavit.store.segments import row_of

SETS = ("ACCU", "FAIR", "PRIV", "RESI", "RESP", "SAFE", "SECU", "SUST")
CONTROLS = tuple(f"GENAI-{SETS[n % 8]}-{n // 8 + 1:02d}" for n in range(52))
ACCOUNTS = tuple(f"{n:012d}" for n in range(100_000_000_001, 100_000_000_041))
REGIONS = ("eu-central-1", "eu-west-1", "us-east-1", "us-west-2")
_KINDS = (
    ("s3_GetBucketPolicy", "AWS::S3::Bucket", "arn:aws:s3:::"),
    ("iam_ListRoles", "AWS::IAM::Role", "arn:aws:iam::{account}:role/"),
    (
        "bedrock_GetGuardrail",
        "AWS::Bedrock::Guardrail",
        "arn:aws:bedrock:{region}:{account}:guardrail/",
    ),
    ("kms_DescribeKey", "AWS::KMS::Key", "arn:aws:kms:{region}:{account}:key/"),
)
_ARNS = pa.array(
    [
        arn.format(account=account, region=region)
        for _, _, arn in _KINDS
        for account in ACCOUNTS
        for region in REGIONS
    ]
)
_WORDS = ("logs", "data", "models", "backup", "public", "train")
_BAD, _OTHER, _DENIED = (int(65536 * share) for share in (0.8, 0.93, 0.98))
_SECOND = 1_000_000


def columns_of(
    run_id: str,
    assessment_id: str,
    when: tuple[datetime, timedelta],
    numbers: range,
    dice: random.Random,
) -> list[pa.Array]:
    """Return the records of these numbers; the dice give the rest.

    `when`: the time of number 0, and what lies between two.
    """
    many = len(numbers)
    begin, step = round(when[0].timestamp() * _SECOND), when[1].total_seconds() * _SECOND
    times = [begin + int(step * number) for number in numbers]
    kind, control = (_turn(range(len(one)), numbers) for one in (_KINDS, CONTROLS))
    account, region, word = (_thrown(len(one), many, dice) for one in (ACCOUNTS, REGIONS, _WORDS))
    place = pc.add(pc.multiply(kind, len(ACCOUNTS)), account)
    arn = _ARNS.take(pc.add(pc.multiply(place, len(REGIONS)), region))
    name = _joined(_hexadecimal(8, many, dice), "-", pa.array(_WORDS).take(word))
    chance = pa.array(array("H", dice.randbytes(2 * many)), pa.uint16())
    bad, other = (pc.greater_equal(chance, bound) for bound in (_BAD, _OTHER))
    denied = pc.greater_equal(chance, _DENIED)
    says = pc.if_else(pc.and_not(bad, other), " does not meet ", " does meet ")
    kinds, controls = pa.array([one[1] for one in _KINDS]).take(kind), pa.array(CONTROLS)
    verdict = pc.if_else(bad, Verdict.NON_COMPLIANT.value, Verdict.COMPLIANT.value)
    made = {
        "id": _ids(times, many, dice),
        "assessment_id": assessment_id,
        "run_id": run_id,
        "control_set_id": pa.array([one.split("-")[1] for one in CONTROLS]).take(control),
        "control_id": controls.take(control),
        "source_id": _turn([f"source-{n}" for n in range(154)], numbers),
        "source_type": "AWS_API_Call",
        "keyword": pa.array([one[0] for one in _KINDS]).take(kind),
        "evidence_type": "Configuration data",
        "time": pa.array(times, pa.int64()).cast(pa.timestamp("us")),
        "account_id": pa.array(ACCOUNTS).take(account),
        "region": pa.array(REGIONS).take(region),
        "resource_arn": _joined(arn, name),
        "resource_type": kinds,
        "verdict": pc.if_else(other, Verdict.NOT_APPLICABLE.value, verdict),
        "standing": pc.if_else(other, Standing.UNDECIDED.value, Standing.JUDGED.value),
        "reason": _joined(kinds, says, controls.take(control)),
        "gap": pc.if_else(denied, "denied", ""),
        "check_id": _turn([f"check-{n}" for n in range(83)], numbers),
        "check_digest": _turn([f"{n:064x}" for n in range(83)], numbers),
        "parameters": "{}",
        "origin": pc.if_else(denied, "", "direct"),
        "inputs": _inputs(numbers, dice),
        "attributes": pa.MapArray.from_arrays(_offsets(many), pa.array(["name"] * many), name),
        "synthetic": True,
        "salt": _hexadecimal(32, many, dice),
    }
    return [_column(made[name], schema().field(name), many) for name in FIELDS]


def records_of(columns: Sequence[pa.Array]) -> list[Evidence]:
    """Return columns as records."""
    rows = pa.RecordBatch.from_arrays(list(columns), names=list(FIELDS)).to_pylist()
    return [
        row_of({**row, "time": row["time"].replace(tzinfo=UTC), "entry": b""}).evidence
        for row in rows
    ]


def _column(value: pa.Array | str | bool, field: pa.Field, many: int) -> pa.Array:
    if isinstance(value, pa.Array):
        return value.cast(field.type)
    return pa.repeat(pa.scalar(value, field.type), many)


def _turn(values: Sequence[str] | range, numbers: range) -> pa.Array:
    """Return the values in turn, each number's."""
    first = numbers.start % len(values)
    places = cycle(range(len(values)))
    return pa.array(values).take(pa.array(islice(places, first, first + len(numbers)), pa.int32()))


def _thrown(among: int, many: int, dice: random.Random) -> pa.Array:
    """Return numbers below `among`, each about as often as the others."""
    return _numbers(among).take(pa.array(array("H", dice.randbytes(2 * many)), pa.uint16()))


@cache
def _numbers(among: int) -> pa.Array:
    return pa.array([n % among for n in range(65536)], pa.int32())


def _hexadecimal(digits: int, many: int, dice: random.Random) -> pa.Array:
    """Return random texts of so many digits."""
    text = dice.randbytes(digits * many // 2).hex().encode()
    return _cut(text, digits, many)


def _cut(text: bytes, size: int, many: int) -> pa.Array:
    offsets = array("i", range(0, size * many + 1, size))
    return pa.StringArray.from_buffers(many, pa.py_buffer(offsets), pa.py_buffer(text))


def _ids(times: Sequence[int], many: int, dice: random.Random) -> pa.Array:
    """Return UUIDs of version 7 for these microseconds."""
    hexadecimal = dice.randbytes(10 * many).hex()
    texts = []
    for at, time in enumerate(times):
        stamp, more = "%012x" % (time // 1000), hexadecimal[20 * at : 20 * at + 18]
        texts.append(f"{stamp[:8]}-{stamp[8:]}-7{more[:3]}-a{more[3:6]}-{more[6:]}")
    return pa.array(texts)


def _inputs(numbers: range, dice: random.Random) -> pa.Array:
    """Return one citation each."""
    many = len(numbers)
    parts = [
        _hexadecimal(64, many, dice),
        _turn([f"/items/{n}" for n in range(100)], numbers),
    ]
    structs = pa.StructArray.from_arrays(
        parts, fields=list(schema().field("inputs").type.value_type)
    )
    return pa.ListArray.from_arrays(_offsets(many), structs, type=schema().field("inputs").type)


def _offsets(many: int) -> pa.Array:
    return pa.array(array("i", range(many + 1)), pa.int32())


def _joined(*parts: pa.Array | str) -> pa.Array:
    return pc.binary_join_element_wise(*parts, "")
