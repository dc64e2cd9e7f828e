"""The package's files that are neither evidence nor PDF: keys, catalogue, proofs, observations."""

import base64
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, BinaryIO, TypeVar

from affidavit.errors import StoreDamagedError, StoreSealedError
from affidavit.model.canonical import canonical, plain_json
from affidavit.model.evidence import Evidence
from affidavit.model.observation import Gap, Result
from affidavit.report.source import LogView, ReportSource

BATCH = 512
"""Records proved at once: neighbours share most of their proofs."""
MAX_CONSISTENCY = 1000
"""Earlier checkpoints that a report proves itself consistent with: the last ones."""
T = TypeVar("T")
_CHUNK = 2**18


def batches(items: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    """Yield the items in lists of `size`."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def proved_lines(
    records: Iterable[tuple[int, Mapping[str, Any]]], log: LogView, size: int
) -> Iterator[bytes]:
    """Yield a line for each record, with its inclusion proof in the tree of `size` leaves."""
    for batch in batches(records):
        proofs = log.inclusion_proofs([leaf for leaf, _ in batch], size)
        for (leaf, record), proof in zip(batch, proofs, strict=True):
            yield proved_line(leaf, record, proof)


def proved_line(leaf: int, record: Mapping[str, Any], proof: Iterable[bytes]) -> bytes:
    """Return one line of evidence.jsonl, runs.jsonl or records.jsonl."""
    return canonical({"leaf": leaf, "proof": encoded(proof), "record": record}) + b"\n"


def encoded(proof: Iterable[bytes]) -> list[str]:
    """Return hashes as base64."""
    return [base64.b64encode(node).decode() for node in proof]


def consistency_lines(source: ReportSource, tenant: str, size: int) -> Iterator[bytes]:
    """Yield a proof from each earlier checkpoint's tree to the tree of `size` leaves."""
    log = source.log(tenant)
    sizes = sorted({c.size for c in source.checkpoints(tenant) if 0 < c.size < size})
    for earlier in sizes[-MAX_CONSISTENCY:]:
        value = {
            "size": earlier,
            "root": log.root(earlier).hex(),
            "proof": encoded(log.consistency_proof(earlier, size)),
        }
        yield canonical(value) + b"\n"


def observation(source: ReportSource, digest: str) -> Result:
    """Return an answer that the report holds; where it cannot be read, the error says how without.

    Evidence is proved by its leaves: the answers are for judging it again.
    """
    try:
        return source.observation(digest)
    except (StoreDamagedError, StoreSealedError) as error:
        todo = f"{error.todo} Or leave the answers out: `affidavit report build` with "
        todo += "`--observations none`."
        raise type(error)(error.what, why=error.why, todo=todo) from error


def keys_text(
    source: ReportSource, tenant: str, current: str, statements: Iterable[Mapping[str, Any]]
) -> bytes:
    """Return keys.txt: the signing key, the earlier ones, and how one followed another."""
    others = [str(key.verifier(tenant)) for key in source.public_keys()]
    lines = [
        "Public keys (C2SP verifier keys: name+id+base64). They prove nothing by standing here:",
        "compare with the key that the operator gave you on another way.",
        f"key {current}",
        *(f"key {other}" for other in others if other != current),
    ]
    statements = list(statements)
    if statements:
        lines += [
            "",
            "Statements by which one key followed another, each signed by the one before:",
        ]
        lines += [f"statement {canonical(record).decode()}" for record in statements]
    return ("\n".join(lines) + "\n").encode()


def observation_json(result: Result, mode: str, pointers: Iterable[str]) -> bytes:
    """Return the file of one observation or gap; in mode `pointers` only the parts pointed to."""
    said = result.to_json()
    if isinstance(result, Gap):
        return plain_json({"observation": said})
    if mode == "cited":
        return plain_json({"observation": said, "body": result.body})
    parts = {pointer: resolve(result.body, pointer) for pointer in sorted(set(pointers))}
    note = "Only the parts that records point to; body_digest is of the whole answer."
    return plain_json({"observation": said, "parts": parts, "note": note})


def resolve(body: Any, pointer: str) -> Any:
    """Return what a JSON pointer (RFC 6901) leads to; None where it leads nowhere."""
    value = body
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


def below(found: Iterator[tuple[int, Evidence]], size: int) -> Iterator[tuple[int, Evidence]]:
    """Yield the evidence within the checkpoint's tree; a run committed just now comes later."""
    return ((leaf, evidence) for leaf, evidence in found if leaf < size)


def file_chunks(file: BinaryIO) -> Iterator[bytes]:
    """Yield an open file's bytes, and close it."""
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk
