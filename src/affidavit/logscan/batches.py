"""Many records at once: which of them have anything to say at all.

A line of a common shape (`shapes/`) is decoded with its texts only, and all texts of a batch go
through the prefilter together. What is left is named by its line, and is read by the exact way
(`records.py`, `bodies.py`): findings come from there and from nowhere else.
"""

from bisect import bisect_right
from collections.abc import Sequence
from operator import itemgetter

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
_Seen = tuple[str | None, str, str | None, int | None, int | None]
"""Of a record: time, model, error, tokens in and out; not the record, for the sake of memory."""


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
        ends: list[tuple[int, int]] = []
        seen: list[_Seen] = []
        for number, line in enumerate(lines):
            record = _texts(line, asked, said)
            ends.append((len(asked), len(said)))
            if record is None:
                marks[number] = ODD
            else:
                seen.append(
                    (
                        record.timestamp,
                        record.modelId,
                        record.errorCode,
                        record.input.inputTokenCount,
                        record.output.outputTokenCount,
                    )
                )
                if self._unguarded and not record.errorCode and not is_guarded(record):
                    marks[number] = UNGUARDED
        _count(seen, totals)
        self._mark(asked, said, ends, marks)
        return marks

    def _mark(
        self,
        asked: list[str],
        said: list[str],
        ends: list[tuple[int, int]],
        marks: dict[int, int],
    ) -> None:
        """Mark the lines whose texts are hit."""
        for hit in self._prefilter.disclosing(asked + said):
            if hit < len(asked):
                number, mark = bisect_right(ends, hit, key=itemgetter(0)), ASKED
            else:
                number, mark = bisect_right(ends, hit - len(asked), key=itemgetter(1)), SAID
            marks[number] = marks.get(number, 0) | mark
        for hit in self._prefilter.declining(said):
            number = bisect_right(ends, hit, key=itemgetter(1))
            marks[number] = marks.get(number, 0) | DECLINED


def _texts(line: bytes, asked: list[str], said: list[str]) -> PlainRecord | RichRecord | None:
    """Add the texts of a line of a common shape, and return its record; of another one none."""
    try:
        plain = PLAIN.decode(line)
    except NOT_SO:
        return _rich_texts(line, asked, said)
    plain_texts(plain, asked, said)
    return plain


def _rich_texts(line: bytes, asked: list[str], said: list[str]) -> RichRecord | None:
    before = len(asked), len(said)
    try:
        rich = RICH.decode(line)
        rich_texts(rich, asked, said)
    except (*NOT_SO, Ambiguous):
        del asked[before[0] :], said[before[1] :]
        return None
    return rich


def _count(seen: Sequence[_Seen], totals: Totals) -> None:
    totals.records += len(seen)
    totals.hours.update([(time or "")[:HOUR] for time, *_ in seen])
    totals.models.update([model for _, model, *_ in seen])
    totals.errors.update([error for _, _, error, _, _ in seen if error])
    totals.input_tokens += sum([count or 0 for *_, count, _ in seen])
    totals.output_tokens += sum([count or 0 for *_, count in seen])
