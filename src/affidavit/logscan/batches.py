"""Many records at once: which of them have anything to say at all.

A line of a common shape (`shapes/`) is decoded with its texts only, and all texts of a batch go
through the prefilter together. What is left is named by its line, and is read by the exact way
(`records.py`, `bodies.py`): findings come from there and from nowhere else.
"""

from bisect import bisect_right
from collections.abc import Sequence

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
    plain_texts,
    rich_texts,
)

ASKED, SAID, DECLINED, UNGUARDED, ODD = 1, 2, 4, 8, 16
"""What is to be looked at: texts of the request, of the answer, whether it is a refusal, that no
guardrail was there, and everything, as the shape is another one."""
_Common = PlainRecord | RichRecord
_Seen = tuple[str | None, str, str | None, int | None, int | None]
"""Of a record: time, model, error, tokens in and out; not the record, for the sake of memory."""


_Side = tuple[list[str], list[int]]
"""Texts of all lines, and how many there are up to the end of each line."""


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
        seen: list[_Seen] = []
        decode = PLAIN.decode
        for number, line in enumerate(lines):
            record: _Common | None
            try:
                record = decode(line)
            except NOT_SO:
                record = _rich_texts(line, asked, said)
            else:
                plain_texts(record, asked, said)
            asked_to.append(len(asked))
            said_to.append(len(said))
            if record is None:
                marks[number] = ODD
                continue
            seen.append(_seen(record))
            if self._unguarded and not is_guarded(record) and not record.errorCode:
                marks[number] = UNGUARDED
        _count(seen, totals)
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


def _rich_texts(line: bytes, asked: list[str], said: list[str]) -> RichRecord | None:
    before = len(asked), len(said)
    try:
        rich = RICH.decode(line)
        rich_texts(rich, asked, said)
    except (*NOT_SO, Ambiguous):
        del asked[before[0] :], said[before[1] :]
        return None
    return rich


def _seen(record: _Common) -> _Seen:
    return (
        record.timestamp,
        record.modelId,
        record.errorCode,
        record.input.inputTokenCount,
        record.output.outputTokenCount,
    )


def _count(seen: Sequence[_Seen], totals: Totals) -> None:
    totals.records += len(seen)
    totals.hours.update([(time or "")[:HOUR] for time, *_ in seen])
    totals.models.update([model for _, model, *_ in seen])
    totals.errors.update([error for _, _, error, _, _ in seen if error])
    totals.input_tokens += sum([count or 0 for *_, count, _ in seen])
    totals.output_tokens += sum([count or 0 for *_, count in seen])
