"""Many records at once: which of them have anything to say at all.

A line of a common shape (`shapes/`) is decoded with its texts only, and all texts of a batch go
through the prefilter together. What is left is named by its line, and is read by the exact way
(`records.py`, `bodies.py`): findings come from there and from nowhere else.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from operator import attrgetter
from typing import Final, cast

from affidavit.logscan.findings import HOUR, Totals
from affidavit.logscan.prefilter import Prefilter
from affidavit.logscan.shapes import (
    NOT_SO,
    PLAIN,
    RICH,
    Ambiguous,
    PlainRecord,
    RichRecord,
    Signs,
    read_plain,
    read_rich,
)
from affidavit.logscan.usage import Calls, principal_of

ASKED, SAID, DECLINED, UNGUARDED, ODD = 1, 2, 4, 8, 16
"""What is to be looked at: texts of the request, of the answer, whether it is a refusal, that no
guardrail was there, and everything, as the shape is another one."""
_Common = PlainRecord | RichRecord
_Side = tuple[list[str], list[int]]
"""Texts of all lines, and how many there are up to the end of each line."""
_TIME: Final = attrgetter("timestamp")


class BatchReader:
    """Reads lines; build one in each process and keep it."""

    def __init__(self, prefilter: Prefilter, *, unguarded: bool) -> None:
        self._prefilter, self._unguarded = prefilter, unguarded

    def read(self, lines: Sequence[bytes], totals: Totals, calls: Calls) -> dict[int, int]:
        """Return what is to be looked at, by number of the line; the rest holds nothing.

        Records of common shapes are counted here, those to be looked at too; odd ones are not.
        """
        marks: dict[int, int] = {}
        asked: list[str] = []
        said: list[str] = []
        asked_to: list[int] = []
        said_to: list[int] = []
        records = _decoded(lines)
        for number, record in enumerate(records):
            signs = None
            if type(record) is PlainRecord:
                signs = read_plain(record, asked, said)
            elif record is not None:
                signs = _rich(cast("RichRecord", record), asked, said)
            asked_to.append(len(asked))
            said_to.append(len(said))
            if record is None or signs is None:
                records[number] = None
                marks[number] = ODD
                continue
            guarded, latency = signs
            arn = record.identity.arn if record.identity is not None else ""
            tokens = record.input.inputTokenCount, record.output.outputTokenCount
            use = calls[record.modelId, principal_of(arn)]
            use.count(tokens, latency, failed=bool(record.errorCode))
            if record.errorCode:
                totals.errors[record.errorCode] += 1
            elif self._unguarded and not guarded:
                marks[number] = UNGUARDED
        _count([record for record in records if record is not None], totals)
        self._mark((asked, asked_to), (said, said_to), marks)
        return marks

    def _mark(self, requests: _Side, answers: _Side, marks: dict[int, int]) -> None:
        """Mark the lines whose texts are hit."""
        asked, asked_to = requests
        said, said_to = answers
        for hit in self._prefilter.disclosing(asked + said):
            if hit < len(asked):
                number, mark = bisect_right(asked_to, hit), ASKED
            else:
                number, mark = bisect_right(said_to, hit - len(asked)), SAID
            marks[number] = marks.get(number, 0) | mark
        for hit in self._prefilter.declining(said):
            number = bisect_right(said_to, hit)
            marks[number] = marks.get(number, 0) | DECLINED


def _decoded(lines: Sequence[bytes]) -> list[_Common | None]:
    """Return the records of common shapes by line; most batches are of plain ones throughout."""
    try:
        return list(map(PLAIN.decode, lines))
    except NOT_SO:
        return [_common(line) for line in lines]


def _common(line: bytes) -> _Common | None:
    try:
        return PLAIN.decode(line)
    except NOT_SO:
        pass
    try:
        return RICH.decode(line)
    except NOT_SO:
        return None


def _rich(record: RichRecord, asked: list[str], said: list[str]) -> Signs | None:
    """Add the texts of a record, or none where they are not known without walking it."""
    before = len(asked), len(said)
    try:
        return read_rich(record, asked, said)
    except Ambiguous:
        del asked[before[0] :], said[before[1] :]
        return None


def _count(records: Sequence[_Common], totals: Totals) -> None:
    """Count the records of a batch; times are few, so each is looked at once."""
    totals.records += len(records)
    for time, count in Counter(map(_TIME, records)).items():
        totals.hours[(time or "")[:HOUR]] += count
