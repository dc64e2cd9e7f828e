"""The engine on a cluster: the same kernel, as `mapInArrow` over the list of objects.

Through Spark Connect, so Apache Spark, EMR, Databricks and Sail are one code path. The workers read
the objects themselves, with their own credentials; results come back as Arrow, an object's findings
in pieces of bounded size and then its result. Each object counts once, however often its task was
tried. Client and workers need the same version of Python and of Affidavit. A process keeps its
session for its next job, which finds the Python workers started.
"""

import atexit
import json
import tempfile
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from affidavit.errors import UsageError
from affidavit.logscan.engine import Job, Listed, Result, Scanner, Task, result_of, tasks, unread
from affidavit.logscan.findings import ScanGap, Scanned, Totals
from affidavit.logscan.usage import Use, Uses
from affidavit.spark_servers import await_server

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

_PIECE: Final = 2**22
"""Bytes of findings in one row: far below what gRPC takes."""
_TASK_BYTES, _TASK_OBJECTS = 2**26, 2000
_LEAST_TASKS: Final = 16
"""Tasks among which even little work is shared, where it has as many objects."""
_RETRIES: Final = 5
"""Of a call that nobody answers: some seconds in all, where Spark's default is ten minutes."""
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def check_url(url: str) -> None:
    """Raise `UsageError` for what is no Spark Connect URL, or would show the key to the network."""
    parts = urlsplit(url)
    if parts.scheme != "sc" or not parts.hostname:
        raise UsageError(f"{url} is no engine", todo="Use local, or sc://host:15002.")
    options = parts.path.lstrip("/").strip(";").split(";")
    if parts.hostname not in _LOOPBACK and "use_ssl=true" not in options:
        raise UsageError(
            f"{parts.hostname} would be told the key of the hashes in clear text",
            why="The connection is not encrypted.",
            todo=f"Use sc://{parts.netloc}/;use_ssl=true, or a tunnel to localhost.",
        )


def results(url: str, job: Job, objects: Sequence[Listed], share: int | None) -> Iterator[Result]:
    """Scan all objects on the cluster; return the result of each, in order.

    `share` is how many tasks there are to be. Objects whose result does not come are gaps.
    """
    check_url(url)
    errors = _errors()
    todo = _tasks(objects, share)
    arrived: dict[int, Result] = {}
    following = 0
    why = "the cluster gave no result for it"
    try:
        for result in _received(url, job, todo):
            arrived.setdefault(result.number, result)
            while following in arrived:
                yield arrived.pop(following)
                following += 1
    except errors as error:
        why = f"the cluster failed: {' '.join(str(error).split())[-500:]}"
    for number in range(following, len(objects)):
        lost = Result(number=number, scanned=unread(objects[number].uri, why))
        yield arrived.pop(number, lost)


def _tasks(objects: Sequence[Listed], share: int | None) -> list[Task]:
    total = sum(one.size for one in objects)
    wanted = share or max(_LEAST_TASKS, total // _TASK_BYTES)
    each = min(_TASK_OBJECTS, -(-len(objects) // wanted)) if share is None else len(objects)
    return tasks(objects, max(1, -(-total // wanted)), max(1, each))


def _errors() -> tuple[type[Exception], ...]:
    """Return what a cluster's failures are; raises `UsageError` where its client is missing."""
    try:
        import grpc
        from pyspark.errors import PySparkException
    except ImportError as error:
        raise UsageError(
            "The engine on a cluster is not installed",
            why=str(error),
            todo="Install affidavit with the extra `spark`.",
        ) from error
    return (PySparkException, grpc.RpcError, OSError)


def _session(url: str) -> "SparkSession":
    from pyspark.sql import SparkSession
    from pyspark.sql.connect.client.retries import DefaultPolicy

    await_server(url)
    session: SparkSession = SparkSession.builder.remote(url).create()
    # Its clean-up can wait for itself without end; what is lost with it is going on after a broken
    # connection, which becomes gaps here.
    session.client.disable_reattachable_execute()
    session.client.set_retry_policies([DefaultPolicy(max_retries=_RETRIES, max_backoff=2000)])
    return session


_kept: Final[dict[str, "SparkSession"]] = {}
"""Sessions that wait for the next job, by URL: with each goes a set of started Python workers."""


@contextmanager
def _lent(url: str) -> Iterator["SparkSession"]:
    """Lend a session: that of the job before, where it is free and still known to the server."""
    session = _kept.pop(url, None)
    if session is None or not _is_known(session):
        session = _session(url)
    try:
        yield session
    except BaseException:
        session.client.close()  # `stop` would ask a server that may be gone
        raise
    if _kept.setdefault(url, session) is not session:
        session.stop()


def _is_known(session: "SparkSession") -> bool:
    """Ask the server, which forgets a session after a time, and all when it starts anew."""
    try:
        session.conf.get("spark.sql.session.timeZone")
    except _errors():
        session.client.close()
        return False
    return True


@atexit.register
def _stop_kept() -> None:
    while _kept:
        _kept.popitem()[1].stop()


def _received(url: str, job: Job, todo: Sequence[Task]) -> Iterator[Result]:
    """Run all tasks and put the rows of each object together."""
    with _lent(url) as session:
        rows = [(json.dumps(task),) for task in todo]
        # From one partition the tasks are dealt out one by one; from several, partitions would
        # get two and others none.
        frame = session.createDataFrame(rows, "task string").coalesce(1).repartition(len(rows))
        answers = frame.mapInArrow(_work(job), "number long, last boolean, content binary")
        pieces: dict[int, Result] = {}
        for row in answers.toLocalIterator():
            if not row.last:
                _append(job.spool, pieces, row.number, bytes(row.content))
                continue
            few = pieces.pop(row.number, Result(number=row.number, scanned=_NOTHING))
            yield Result(
                number=row.number,
                scanned=unpacked(bytes(row.content)),
                few=few.few,
                many=few.many,
            )


_NOTHING: Final = Scanned(object_uri="", totals=Totals())


def _append(spool: Path, pieces: dict[int, Result], number: int, content: bytes) -> None:
    """Keep the first piece of an object's findings in memory, further ones in a file."""
    before = pieces.get(number)
    if before is None:
        pieces[number] = Result(number=number, scanned=_NOTHING, few=content)
        return
    path = spool / f"{number}.jsonl"
    with path.open("ab") as file:
        file.write(before.few + content)
    pieces[number] = Result(number=number, scanned=_NOTHING, many=path)


def _work(job: Job) -> Callable[[Iterator["pa.RecordBatch"]], Iterator["pa.RecordBatch"]]:
    """Return what a worker does with its rows; the function goes there with the job in it."""

    def work(batches: "Iterator[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        for batch in batches:
            for text in batch.column(0).to_pylist():
                yield from _scan(job, json.loads(text))

    return work


@lru_cache(maxsize=1)
def _scanner(settings: bytes) -> Scanner:
    """Return this process's kernel, which takes a moment to build."""
    import pickle

    job: Job = pickle.loads(settings)  # noqa: S301 - what `_scan` has just packed
    return job.scanner()


def _scan(job: Job, task: Sequence[Sequence[Any]]) -> "Iterator[pa.RecordBatch]":
    """Scan the objects of a task; runs on a worker."""
    import pickle
    from dataclasses import replace

    with tempfile.TemporaryDirectory(prefix="affidavit-scan-") as folder:
        here = replace(job, spool=Path(folder))
        scanner = _scanner(pickle.dumps(replace(job, spool=Path())))
        for number, uri in task:
            result = result_of(here, scanner, number, uri)
            held: list[str] = []
            size = 0
            for line in result.lines():
                held.append(line)
                size += len(line)
                if size > _PIECE:
                    yield _row(number, "".join(held).encode(), last=False)
                    held, size = [], 0
            if held:
                yield _row(number, "".join(held).encode(), last=False)
            yield _row(number, packed(result.scanned), last=True)


def _row(number: int, content: bytes, *, last: bool) -> "pa.RecordBatch":
    import pyarrow as pa

    columns = [pa.array([number], pa.int64()), pa.array([last]), pa.array([content], pa.binary())]
    return pa.RecordBatch.from_arrays(columns, ["number", "last", "content"])


def packed(scanned: Scanned) -> bytes:
    """Return a result as JSON: what comes back from elsewhere is data, never code."""
    totals = {name: getattr(scanned.totals, name) for name in Totals.__slots__}
    value = {
        "object_uri": scanned.object_uri,
        "totals": totals,
        "gaps": [asdict(gap) for gap in scanned.gaps],
        "references": scanned.references,
        "sha256": scanned.sha256,
        "digest": b64encode(scanned.digest).decode(),
    }
    return json.dumps(value, default=asdict).encode()


def unpacked(content: bytes) -> Scanned:
    """Return what `packed` made of a result."""
    value = json.loads(content)
    totals: dict[str, Any] = {
        name: Counter(one) if isinstance(one, dict) else one
        for name, one in value["totals"].items()
    }
    for name in ("models", "principals"):
        totals[name] = Uses({who: Use(**use) for who, use in value["totals"][name].items()})
    return Scanned(
        object_uri=value["object_uri"],
        totals=Totals(**totals),
        gaps=tuple(ScanGap(**gap) for gap in value["gaps"]),
        references=tuple(value["references"]),
        sha256=value["sha256"],
        digest=b64decode(value["digest"]),
    )
