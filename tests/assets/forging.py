"""A good report, opened for forgery: files changed or left out, signed anew or not."""

import json
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from affidavit.ledger.keys import Signer
from affidavit.report import manifest
from affidavit.report.verify import csvcheck
from affidavit.report.writer import ZipWriter

Files = dict[str, bytes]
_LAST = ("manifest.json", "manifest.dsse.json")
_WHEN = datetime(2026, 1, 8, 6, 0, tzinfo=UTC)
FORM = b"assessment-report:v5"


@dataclass(frozen=True)
class Bad:
    """A kind of bad report: what `verify` must say of it, and how it is made."""

    name: str
    expected: str
    """A regular expression that the message must contain."""
    make: Callable[["Good", Path], None]


class Good:
    """A good report, opened for forgery."""

    def __init__(self, path: Path, signer: Signer) -> None:
        self.path, self.signer, self.form = path, signer, FORM
        with zipfile.ZipFile(path) as archive:
            self.files: Files = {name: archive.read(name) for name in archive.namelist()}
        self.predicate: dict[str, Any] = json.loads(self.files["manifest.json"])["predicate"]

    def lines(self, name: str) -> list[dict[str, Any]]:
        """Return the records of a JSON lines file."""
        return [json.loads(line) for line in self.files[name].splitlines()]

    def write(
        self, path: Path, changed: dict[str, bytes | None], signer: Signer | None, **predicate: Any
    ) -> None:
        """Write the report with `changed` files (None: left out), signed by `signer` if given."""
        files = {**self.files, **changed}
        with ZipWriter(path, _WHEN) as out:
            for name, data in files.items():
                if name not in _LAST and data is not None:
                    out.add(name, data)
            if signer is None:
                for name in _LAST:
                    out.add(name, self.files[name], packed=False)
            else:
                self._sign(out, signer, predicate)
            out.finish(lambda _: None)

    def _sign(self, out: ZipWriter, signer: Signer, predicate: dict[str, Any]) -> None:
        length, digest = out.sealed()
        sealed = {"sealed": {"bytes": length, "sha256": digest}}
        payload = manifest.statement(out.digests, {**self.predicate, **predicate, **sealed})
        payload = payload.replace(FORM, self.form)
        out.add("manifest.json", payload, packed=False)
        name = f"affidavit/{self.predicate['tenant']}"
        out.add("manifest.dsse.json", manifest.envelope(payload, signer, name), packed=False)

    def with_evidence(self, path: Path, lines: list[dict[str, Any]], **files: bytes) -> None:
        """Write the report with other evidence, its table and counts made to fit, signed anew."""
        table = csvcheck.header() + b"".join(csvcheck.row(x["leaf"], x["record"]) for x in lines)
        changed: dict[str, bytes | None] = {
            "evidence.jsonl": joined(lines),
            "evidence.csv": table,
            **{name.replace("_", "."): data for name, data in files.items()},
        }
        verdicts = Counter(x["record"]["verdict"] for x in lines)
        runs = len({x["record"]["run_id"] for x in lines})
        old = self.predicate["counts"]["verdicts"]
        counts = {"evidence": len(lines), "runs": runs, "verdicts": {v: verdicts[v] for v in old}}
        self.write(path, changed, self.signer, counts=counts)


def joined(lines: list[dict[str, Any]]) -> bytes:
    """Return records as canonical JSON lines."""
    return b"".join(
        json.dumps(x, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        for x in lines
    )


def into(gallery: list[Bad]) -> Callable[[str, str], Callable[[Callable[[Good, Path], None]], Bad]]:
    """Return what decorates the makers of a gallery: `@bad(name, expected)`."""

    def bad(name: str, expected: str) -> Callable[[Callable[[Good, Path], None]], Bad]:
        def made(make: Callable[[Good, Path], None]) -> Bad:
            gallery.append(Bad(name, expected, make))
            return gallery[-1]

        return made

    return bad
