"""Bad reports whose manual evidence is not what the ledger tells of."""

from pathlib import Path

from tests.assets.forging import Bad, Good, into

GALLERY: list[Bad] = []
_bad = into(GALLERY)


@_bad("changed-file", r"manual/\w+\.pdf: is not the file whose SHA-256 leaf \d+ has")
def _changed_file(good: Good, path: Path) -> None:
    name = _file(good)
    good.write(path, {name: good.files[name] + b"more"}, good.signer)


@_bad("dropped-file", r"manual/\w+\.pdf: missing file: leaf \d+ tells of it")
def _dropped_file(good: Good, path: Path) -> None:
    good.write(path, {_file(good): None}, good.signer)


@_bad("added-file", r"manual/other\.pdf: is of no manual evidence that the ledger tells of")
def _added_file(good: Good, path: Path) -> None:
    good.write(path, {"manual/other.pdf": b"x"}, good.signer)


@_bad("changed-manual-row", r"manual\.csv row 2: is not what the record of leaf \d+ says")
def _changed_manual_row(good: Good, path: Path) -> None:
    data = good.files["manual.csv"].replace(b"board minutes.pdf", b"other minutes.pdf")
    good.write(path, {"manual.csv": data}, good.signer)


@_bad("changed-manual-text", r"manual\.csv row 1: its text is not the one whose SHA-256 leaf")
def _changed_manual_text(good: Good, path: Path) -> None:
    data = good.files["manual.csv"].replace(b"all staff", b"no staff")
    good.write(path, {"manual.csv": data}, good.signer)


@_bad("dropped-manual-row", r"manual\.csv row 2: lacks the item item-2 of leaf \d+")
def _dropped_manual_row(good: Good, path: Path) -> None:
    lines = good.files["manual.csv"].split(b"\r\n")
    kept = [line for line in lines if b",item-2," not in line]
    good.write(path, {"manual.csv": b"\r\n".join(kept)}, good.signer)


@_bad("added-manual-row", r"manual\.csv row 5: is of no item of the ledger")
def _added_manual_row(good: Good, path: Path) -> None:
    *_, last, _ = good.files["manual.csv"].split(b"\r\n")
    good.write(path, {"manual.csv": good.files["manual.csv"] + last + b"\r\n"}, good.signer)


@_bad("respelt-manual", r"manual\.csv: is not written as a report writes it")
def _respelt_manual(good: Good, path: Path) -> None:
    data = good.files["manual.csv"].replace(b"board minutes.pdf", b'"board minutes.pdf"')
    good.write(path, {"manual.csv": data}, good.signer)


@_bad("no-manual-table", r"manual\.csv: missing file")
def _no_manual_table(good: Good, path: Path) -> None:
    good.write(path, {"manual.csv": None}, good.signer)


def _file(good: Good) -> str:
    return next(name for name in good.files if name.startswith("manual/") and "pdf" in name)
