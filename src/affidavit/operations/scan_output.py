"""Where a scan's findings go: lines of JSON, and a Parquet file that is there when it is whole."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from affidavit.logscan.findings import arrow_schema

if TYPE_CHECKING:
    import pyarrow.parquet as pq

_ROWS: Final = 10_000


class ScanOutput:
    """Where findings go: lines and a Parquet file, in pieces."""

    def __init__(self, show: Callable[[str], object] | None, parquet: Path | None) -> None:
        self._show, self._path = show, parquet
        self._partial = Path(f"{parquet}.partial")
        self._rows: list[dict[str, Any]] = []
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        if self._path is not None:
            import pyarrow.parquet as pq

            self._writer = pq.ParquetWriter(self._partial, arrow_schema(), compression="zstd")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._flush()
        if self._writer is not None and self._path is not None:
            self._writer.close()
            if kind is None:
                self._partial.replace(self._path)
            else:
                self._partial.unlink()

    def lines(self, lines: Iterable[str]) -> None:
        """Pass on findings that are JSON lines already."""
        for line in lines:
            self._line(line)

    def row(self, row: dict[str, Any]) -> None:
        """Pass on one finding."""
        self._line(json.dumps(row) + "\n")

    def _line(self, line: str) -> None:
        if self._show is not None:
            self._show(line)
        if self._writer is not None:
            self._rows.append(json.loads(line))
            if len(self._rows) >= _ROWS:
                self._flush()

    def _flush(self) -> None:
        if self._writer is not None and self._rows:
            import pyarrow as pa

            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=arrow_schema()))
            self._rows = []
