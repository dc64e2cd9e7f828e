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
    is_guarded,
    latency_of,
    plain_texts,
    rich_texts,
)

ASKED, SAID, DECLINED, UNGUARDED, ODD = 1, 2, 4, 8, 16
"""What is to be looked at: texts of the request, of the answer, whether it is a refusal, that no
guardrail was there, and everything, as the shape is another one."""
_Common = PlainRecord | RichRecord
_Side = tuple[list[str], list[int]]
"""Texts of all lines, and how many there are up to the end of each line."""
_TIME: Final = attrgetter("timestamp")
_MODEL: Final = attrgetter("modelId")
_ERROR: Final = attrgetter("errorCode")
_TOKENS_IN: Final = attrgetter("input.inputTokenCount")
_TOKENS_OUT: Final = attrgetter("output.outputTokenCount")


class BatchReader:
    """Reads lines; build one in each process and keep it."""

    def __init__(self, prefilter: Prefilter, *, unguarded: bool) -> None:
        self._prefilter, self._unguarded = prefilter, unguarded

    def read(self, lines: Sequence[bytes], totals: Totals) -> dict[int, int]:
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
            if isinstance(record, PlainRecord):
                plain_texts(record, asked, said)
            elif record is None or not _rich_texts(record, asked, said):
                records[number] = None
                marks[number] = ODD
            asked_to.append(len(asked))
            said_to.append(len(said))
        common = [record for record in records if record is not None] if marks else records
        _count(cast("list[_Common]", common), totals)
        if self._unguarded:
            for number, record in enumerate(records):
                if record is not None and not record.errorCode and not is_guarded(record):
                    marks[number] = UNGUARDED
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


def _rich_texts(record: RichRecord, asked: list[str], said: list[str]) -> bool:
    """Add the texts of a record, or none: return whether they are known without walking it."""
    before = len(asked), len(said)
    try:
        rich_texts(record, asked, said)
    except Ambiguous:
        del asked[before[0] :], said[before[1] :]
        return False
    return True


def _count(records: Sequence[_Common], totals: Totals) -> None:
    """Count the records of a batch; times and models are few, so each is looked at once."""
    totals.records += len(records)
    for time, count in Counter(map(_TIME, records)).items():
        totals.hours[(time or "")[:HOUR]] += count
    totals.models.update(map(_MODEL, records))
    totals.errors.update(filter(None, map(_ERROR, records)))
    totals.input_tokens += sum(filter(None, map(_TOKENS_IN, records)))
    totals.output_tokens += sum(filter(None, map(_TOKENS_OUT, records)))
    spans = [span for span in map(latency_of, records) if span is not None]
    totals.timed += len(spans)
    totals.latency_ms += sum(spans)
