"""The gallery of bad reports: from one good report and the key that signed it, one of each kind.

    python -m tests.assets.make_bad GOOD.zip signing.pem OUT

Two kinds of forger: one without the key changes files or bytes; the operator himself, who has the
key, signs anew whatever he changed, so that only the ledger can give him away. And hostile ZIPs.
Nothing of this is committed as a binary; the tests make it anew from the report that they build.
"""

import hashlib
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from tests.assets import bad_manual
from tests.assets.forging import Bad, Good, into, joined

from affidavit.ledger.checkpoint import Checkpoint, sign
from affidavit.ledger.keys import Signer

_MANY = 3_000_000

GALLERY: list[Bad] = [*bad_manual.GALLERY]
_bad = into(GALLERY)


# Without the key


@_bad("changed-byte", r"evidence\.jsonl: (cannot be expanded|was changed|expands|its compressed)")
def _changed_byte(good: Good, path: Path) -> None:
    data = bytearray(good.path.read_bytes())
    with zipfile.ZipFile(good.path) as archive:
        at = archive.getinfo("evidence.jsonl").header_offset + 500
    data[at] ^= 1
    path.write_bytes(data)


@_bad("changed-pdf", r"report\.pdf: was changed: its SHA-256 is not the manifest's")
def _changed_pdf(good: Good, path: Path) -> None:
    data = good.files["report.pdf"]
    good.write(path, {"report.pdf": data[:-20] + b"%" + data[-19:]}, None)


@_bad("changed-verdict", r"evidence\.jsonl: was changed: its SHA-256 is not the manifest's")
def _changed_verdict(good: Good, path: Path) -> None:
    data = good.files["evidence.jsonl"].replace(b'"NON_COMPLIANT"', b'"COMPLIANT"', 1)
    good.write(path, {"evidence.jsonl": data}, None)


@_bad("truncated", r"cut short")
def _truncated(good: Good, path: Path) -> None:
    data = good.path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])


@_bad("extra-file", r"notes\.txt: extra file")
def _extra_file(good: Good, path: Path) -> None:
    good.write(path, {"notes.txt": b"all is well"}, None)


@_bad("missing-file", r"README\.txt: missing file")
def _missing_file(good: Good, path: Path) -> None:
    good.write(path, {"README.txt": None}, None)


@_bad("changed-manifest", r"manifest\.json: differs from the signed manifest")
def _changed_manifest(good: Good, path: Path) -> None:
    files = dict(good.files)
    good.files["manifest.json"] = files["manifest.json"].replace(b"Northwind", b"Southwind")
    good.write(path, {}, None)
    good.files = files


@_bad("resigned-by-another", r"is signed by the key [0-9a-f]{8}, not by [0-9a-f]{8}")
def _resigned(good: Good, path: Path) -> None:
    good.write(path, {}, Signer(Ed25519PrivateKey.generate(), protected=False))


# By the operator, who signs anew


@_bad(
    "signed-changed-verdict", r"evidence\.jsonl line \d+, leaf \d+: the record is not what the led"
)
def _signed_verdict(good: Good, path: Path) -> None:
    lines = good.lines("evidence.jsonl")
    _first_bad(lines)["record"]["verdict"] = "COMPLIANT"
    good.with_evidence(path, lines)


@_bad("dropped-item", r"evidence\.jsonl: omitted: 1 NON_COMPLIANT of GENAI-\w+-\d+$")
def _dropped(good: Good, path: Path) -> None:
    lines = good.lines("evidence.jsonl")
    lines.remove(_first_bad(lines))
    good.with_evidence(path, lines)


@_bad("omitted-records", r"evidence\.jsonl: omitted: \d+ NON_COMPLIANT of GENAI-\w+-\d+; \d+ NON_C")
def _omitted(good: Good, path: Path) -> None:
    lines = good.lines("evidence.jsonl")
    good.with_evidence(path, [x for x in lines if x["record"]["verdict"] != "NON_COMPLIANT"])


@_bad("unlogged-deletion", r"answers\.jsonl line 1: is not of the run [0-9a-f-]{36}")
def _unlogged_deletion(good: Good, path: Path) -> None:
    """Leave out a run's evidence and answers, as if they had been deleted in the proper way."""
    answers = good.lines("answers.jsonl")
    gone = answers[0]["run_id"]
    lines = [x for x in good.lines("evidence.jsonl") if x["record"]["run_id"] != gone]
    good.with_evidence(path, lines, answers_jsonl=joined(answers[1:]))


@_bad("swapped-observation", r"observations/../\w+\.json: is not what its digest says")
def _swapped(good: Good, path: Path) -> None:
    first, second = list(_observations(good))[:2]
    good.write(path, {first: good.files[second], second: good.files[first]}, good.signer)


@_bad("swapped-body", r"observations/../\w+\.json: its body is not the one that was observed")
def _swapped_body(good: Good, path: Path) -> None:
    name = next(n for n in _observations(good) if "body" in json.loads(good.files[n]))
    value = json.loads(good.files[name])
    value["body"]["items"] = []
    good.write(path, {name: joined([value])[:-1]}, good.signer)


@_bad("dropped-observation", r"answers\.jsonl, run \d+: names observations/\S+, which is not in")
def _dropped_observation(good: Good, path: Path) -> None:
    good.write(path, {next(_observations(good)): None}, good.signer)


@_bad("dropped-answer", r"answers\.jsonl line 1: are not the answers that the run record committed")
def _dropped_answer(good: Good, path: Path) -> None:
    lines = good.lines("answers.jsonl")
    lines[0]["answers"].pop()
    good.write(path, {"answers.jsonl": joined(lines)}, good.signer)


@_bad("added-observation", r"observations/../\w+\.json: is cited by no record")
def _added_observation(good: Good, path: Path) -> None:
    value = json.loads(good.files[next(_observations(good))])
    value["observation"]["operation"] = "GetBucketAcl"
    digest = hashlib.sha256(joined([value["observation"]])[:-1]).hexdigest()
    name = f"observations/{digest[:2]}/{digest}.json"
    good.write(path, {name: joined([value])[:-1]}, good.signer)


@_bad("reordered-leaves", r"evidence\.jsonl line 2, leaf \d+: stands behind leaf \d+: the order")
def _reordered(good: Good, path: Path) -> None:
    lines = good.lines("evidence.jsonl")
    lines[0], lines[1] = lines[1], lines[0]
    good.with_evidence(path, lines)


@_bad("backdated-checkpoint", r"runs\.jsonl line 1, leaf \d+: the record is not what the ledger")
def _backdated(good: Good, path: Path) -> None:
    """Sign an older tree: the one that the first consistency proof speaks of."""
    old = good.lines("consistency.jsonl")[-1]
    root = bytes.fromhex(old["root"])
    note = sign(
        Checkpoint(f"affidavit/{good.predicate['tenant']}", old["size"], root), good.signer.private
    )
    tree = {"size": old["size"], "root": old["root"]}
    good.write(path, {"checkpoint.txt": note.encode()}, good.signer, tree=tree)


@_bad("checkpoint-of-another-tree", r"checkpoint\.txt: is of another tree than the manifest says")
def _other_tree(good: Good, path: Path) -> None:
    tree = {"size": good.predicate["tree"]["size"], "root": "00" * 32}
    good.write(path, {}, good.signer, tree=tree)


@_bad(
    "omitted-run", r"runs\.jsonl line \d+, leaf \d+: omitted run: run 4 .* follows run 2; run 3 is"
)
def _omitted_run(good: Good, path: Path) -> None:
    _without_run(good, path, 3)


@_bad("omitted-last-run", r"leaves \d+ to \d+: \d+ leaves of the ledger are accounted for by no")
def _omitted_last(good: Good, path: Path) -> None:
    _without_run(good, path, 4)


@_bad("omitted-first-run", r"omitted run: the report begins with run 2, but the run before it")
def _omitted_first(good: Good, path: Path) -> None:
    _without_run(good, path, 1)


@_bad("omitted-change", r"leaf \d+: 1 leaves of the ledger are accounted for by no record")
def _omitted_change(good: Good, path: Path) -> None:
    lines = [x for x in good.lines("records.jsonl") if x["record"]["kind"] != "change"]
    good.write(path, {"records.jsonl": joined(lines)}, good.signer)


@_bad("changed-csv", r"evidence\.csv row \d+: differs from the record of leaf \d+")
def _changed_csv(good: Good, path: Path) -> None:
    data = good.files["evidence.csv"].replace(b"NON_COMPLIANT", b"COMPLIANT", 1)
    good.write(path, {"evidence.csv": data}, good.signer)


@_bad("longer-csv", r"evidence\.csv row \d+: has no record in evidence\.jsonl")
def _longer_csv(good: Good, path: Path) -> None:
    data = good.files["evidence.csv"]
    good.write(path, {"evidence.csv": data + data.splitlines(keepends=True)[-1]}, good.signer)


@_bad("unmarked-synthetic", r"manifest\.json: says synthetic: False; the records: True")
def _unmarked(good: Good, path: Path) -> None:
    good.write(path, {}, good.signer, synthetic=False)


@_bad("wrong-counts", r"manifest\.json: says counts: .*; the records: ")
def _wrong_counts(good: Good, path: Path) -> None:
    counts = {**good.predicate["counts"], "evidence": 1}
    good.write(path, {}, good.signer, counts=counts)


@_bad("other-rule", r"catalogue\.json: holds other rules than run \d+ used, by its run record")
def _other_rule(good: Good, path: Path) -> None:
    """Show the auditor a stricter rule than the one that judged."""
    value = json.loads(good.files["catalogue.json"])
    for check in value["checks"].values():
        check["compliant"] = f"({check['compliant']}) && true"
    good.write(path, {"catalogue.json": joined([value])[:-1]}, good.signer)


@_bad("double-member", r"evidence\.jsonl line 1: is not proper JSON: a member stands twice")
def _double(good: Good, path: Path) -> None:
    data = good.files["evidence.jsonl"].replace(b'{"leaf":', b'{"leaf":1,"leaf":', 1)
    good.write(path, {"evidence.jsonl": data}, good.signer)


@_bad("deep-nesting", r"evidence\.jsonl line 1: is nested more than \d+ deep")
def _deep(good: Good, path: Path) -> None:
    data = b"[" * 100_000 + b"]" * 100_000 + b"\n"
    good.write(path, {"evidence.jsonl": data + good.files["evidence.jsonl"]}, good.signer)


@_bad("named-extra-file", r"summary\.pdf: is no file of a report, though the manifest names it")
def _named_extra(good: Good, path: Path) -> None:
    """Sign a second PDF with all the rest; it could say anything."""
    good.write(path, {"summary.pdf": good.files["report.pdf"]}, good.signer)


@_bad("huge-manifest", r"manifest\.dsse\.json: is larger than \d+ bytes")
def _huge(good: Good, path: Path) -> None:
    """Make it too large to be worth a look at its signature."""
    files = dict(good.files)
    good.files["manifest.dsse.json"] = b"[" * 95_000_000
    good.write(path, {}, None)
    good.files = files


@_bad("spaced-envelope", r"manifest\.dsse\.json: is not an envelope around")
def _spaced(good: Good, path: Path) -> None:
    files = dict(good.files)
    good.files["manifest.dsse.json"] += b" "
    good.write(path, {}, None)
    good.files = files


@_bad("observation-with-remark", r"observations/../\w+\.json: has no body, or holds more than what")
def _remark(good: Good, path: Path) -> None:
    """Beside the answer, which has its digest, stands a sentence that has none."""
    name = next(n for n in _observations(good) if "body" in json.loads(good.files[n]))
    value = json.loads(good.files[name]) | {"note": "Checked by the auditor."}
    good.write(path, {name: joined([value])[:-1]}, good.signer)


@_bad("older-format", r"is of a report of format v3, and this program verifies v4 and v5")
def _older_format(good: Good, path: Path) -> None:
    older = Good(good.path, good.signer)
    older.form = b"assessment-report:v3"
    older.write(path, {}, good.signer)


def _first_bad(lines: list[dict[str, Any]]) -> dict[str, Any]:
    return next(x for x in lines if x["record"]["verdict"] == "NON_COMPLIANT")


def _observations(good: Good) -> Iterator[str]:
    return (name for name in good.files if name.startswith("observations/"))


def _without_run(good: Good, path: Path, sequence: int) -> None:
    own = good.predicate["assessment"]["id"]
    runs = good.lines("runs.jsonl")
    gone = next(
        x["record"]["run_id"]
        for x in runs
        if x["record"]["assessment_id"] == own and x["record"]["sequence"] == sequence
    )
    lines = [x for x in good.lines("evidence.jsonl") if x["record"]["run_id"] != gone]
    kept = joined([x for x in runs if x["record"]["run_id"] != gone])
    good.with_evidence(path, lines, runs_jsonl=kept)


def make_all(good: Path, signer: Signer, folder: Path) -> dict[str, Bad]:
    """Make every bad report in `folder`; return the kinds by file name."""
    folder.mkdir(parents=True, exist_ok=True)
    opened = Good(good, signer)
    for bad in GALLERY:
        bad.make(opened, folder / f"{bad.name}.zip")
    return {f"{bad.name}.zip": bad for bad in GALLERY}


def main() -> None:
    """Make the gallery from a report and its signing key (PEM, without passphrase)."""
    good, key, folder = (Path(argument) for argument in sys.argv[1:4])
    private = load_pem_private_key(key.read_bytes(), None)
    if not isinstance(private, Ed25519PrivateKey):
        raise SystemExit(f"{key} is not an Ed25519 key")
    for name, bad in make_all(good, Signer(private, protected=False), folder).items():
        sys.stdout.write(f"{name}: {bad.expected}\n")


if __name__ == "__main__":
    main()
