"""The report's package: one ZIP with PDF, data, proofs, signed manifest.

Built as a stream: evidence passes once, in batches; what is kept of it are the digests of the
observations that it cites and the rows that the PDF shows. The finished ZIP is verified by the
stand-alone verifier before it gets its name: a report that does not verify never leaves.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO

from affidavit import __version__
from affidavit.errors import ReportError
from affidavit.ledger.checkpoint import Checkpoint, VerifierKey, open_note, origin_of
from affidavit.model.canonical import canonical
from affidavit.model.catalogue import Catalogue
from affidavit.model.identifiers import new_id
from affidavit.model.times import iso
from affidavit.model.verdict import Verdict
from affidavit.report import manifest, parts
from affidavit.report.choice import Choice
from affidavit.report.compose import PROTECTION, Facts, compose
from affidavit.report.content import Content
from affidavit.report.gather import Gatherer
from affidavit.report.held import Held
from affidavit.report.history import History, read_history
from affidavit.report.manual_files import ManualFiles
from affidavit.report.pdf import write_pdf
from affidavit.report.readme import readme
from affidavit.report.source import ManualSource, ReportSigner, ReportSource, SignedCheckpoint
from affidavit.report.verify import answers, csvcheck, matrix, oscal, rules
from affidavit.report.verify import manual as manual_csv
from affidavit.report.verify.manual import MODES as ATTACHMENTS
from affidavit.report.verify.note import Key
from affidavit.report.verify.observations import MODES, path_of
from affidavit.report.verify.outcome import verify
from affidavit.report.verify.state import ALL, CHOSEN, MAX_MANIFEST
from affidavit.report.writer import ZipWriter, unwritable


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What report to build."""

    assessment_id: str
    path: Path
    """Of the ZIP."""
    first_day: date | None = None
    """None: the day of the assessment's first run."""
    last_day: date | None = None
    """None: the day of its last run."""
    reviewed: Mapping[str, datetime] = field(default_factory=dict)
    """When controls were signed off, by their ids in evidence: what is later is marked."""
    choice: Choice | None = None
    """Which evidence; None: all of the period."""
    attachments: str = "digests"
    """Files of manual evidence: only their digests, or included."""
    observations: str = "cited"
    """cited: whole, all that the runs were judged from; pointers: only the parts that records
    point to; none: only their digests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What was built."""

    path: Path
    report_id: str
    evidence: int
    runs: int
    content: Content


@dataclass(slots=True)
class _Cited:
    """What the evidence pass leaves behind."""

    verdicts: Counter[str] = field(default_factory=Counter)
    sources: dict[str, Counter[str]] = field(default_factory=dict)
    """Records of the last run by source and verdict."""
    digests: dict[bytes, set[str]] = field(default_factory=dict)
    """Digests of observations; with the pointers into them where these are wanted."""


def build(
    request: Request,
    source: ReportSource,
    signer: ReportSigner,
    catalogue: Catalogue,
    now: datetime,
    manual: ManualSource,
) -> Built:
    """Build the package at `request.path` and return what it holds.

    Raises `ReportError` where there is nothing to report, the place cannot be written, or the store
    does not hold what its run records say; nothing half-written is left.
    """
    for what, given, modes in (
        ("observations", request.observations, MODES),
        ("attachments", request.attachments, ATTACHMENTS),
    ):
        if given not in modes:
            raise ReportError(
                f"{given!r} is no way to include {what}", todo=f"Choose one of {', '.join(modes)}."
            )
    try:
        return _Builder(request, source, signer, catalogue, now, manual).build()
    except OSError as error:
        raise unwritable(request.path, error) from error


class _Builder:
    """One report being built."""

    def __init__(
        self,
        request: Request,
        source: ReportSource,
        signer: ReportSigner,
        catalogue: Catalogue,
        now: datetime,
        manual: ManualSource,
    ) -> None:
        self._request, self._source, self._signer = request, source, signer
        self._catalogue, self._now = catalogue, now
        self._report_id = new_id(now)
        self._assessment = source.assessment(request.assessment_id)
        self._tenant = self._assessment.tenant
        self._name = origin_of(self._tenant)
        self._signed, self._checkpoint = self._newest()
        self._history: History = read_history(
            source,
            self._assessment,
            request.first_day,
            request.last_day,
            (self._checkpoint.size, now.date()),
        )
        latest = self._history.latest
        self._assessment = replace(
            self._assessment,
            name=latest["assessment_name"],
            parameters=json.loads(latest["parameters"]),
        )
        self._log = source.log(self._tenant)
        known = (self._checkpoint.size, now.date())
        self._held = Held(source, self._assessment, self._history, known, catalogue)
        self._deleted = self._held.deleted()
        chosen = None if request.choice is None else request.choice.manual
        self._manual = ManualFiles(self._held.manual(chosen), manual)

    def build(self) -> Built:
        """Write the package, verify it, give it its name."""
        with (
            tempfile.TemporaryDirectory(prefix="affidavit-") as folder,
            ZipWriter(self._request.path, self._now) as zip_file,
        ):
            scratch = Path(folder)
            gatherer = self._gatherer()
            cited = self._evidence(zip_file, scratch, gatherer)
            self._ledger(zip_file)
            zip_file.stream(manual_csv.NAME, self._manual.table())
            if self._request.attachments == "included":
                self._manual.write(zip_file)
            period = self._period(zip_file)
            zip_file.stream(answers.NAME, self._answers(cited))
            self._observations(zip_file, cited)
            facts = self._facts(cited, period)
            content = compose(facts, gatherer.sections(self._history.days))
            zip_file.add(
                "README.txt", readme(content, self._request.observations, self._request.attachments)
            )
            pdf = write_pdf(content, scratch)
            zip_file.stream("report.pdf", parts.file_chunks(pdf.open("rb")), large=False)
            predicate = self._predicate(cited)
            zip_file.add(oscal.NAME, self._oscal(zip_file, cited, predicate))
            self._seal(zip_file, predicate)
            zip_file.finish(self._check)
        return Built(
            path=self._request.path,
            report_id=self._report_id,
            evidence=cited.verdicts.total(),
            runs=self._history.runs,
            content=content,
        )

    def _gatherer(self) -> Gatherer:
        history = self._history
        period = None if self._request.choice is None else history.records
        gone = history.latest["run_id"] in self._deleted
        lines = self._manual.lines(self._catalogue)
        return Gatherer(
            self._catalogue,
            history.latest,
            self._request.reviewed,
            period,
            gone=gone,
            manual=lines,
        )

    def _newest(self) -> tuple[SignedCheckpoint, Checkpoint]:
        signed = self._source.checkpoint(self._tenant)
        if signed is None:
            raise ReportError(
                f"The ledger of {self._tenant} has no checkpoint",
                todo="Run `affidavit ledger checkpoint`.",
            )
        keys = [key.verifier(self._tenant) for key in self._source.public_keys()]
        return signed, open_note(signed.note, keys)

    def _evidence(self, zip_file: ZipWriter, scratch: Path, gatherer: Gatherer) -> _Cited:
        cited = _Cited()
        with (scratch / csvcheck.NAME).open("w+b") as table:
            table.write(csvcheck.header())
            lines = self._evidence_lines(table, gatherer, cited)
            zip_file.stream("evidence.jsonl", lines)
            table.seek(0)
            zip_file.stream(csvcheck.NAME, parts.file_chunks(table))
        return cited

    def _evidence_lines(
        self, table: BinaryIO, gatherer: Gatherer, cited: _Cited
    ) -> Iterator[bytes]:
        history, with_pointers = self._history, self._request.observations == "pointers"
        choice = self._request.choice
        found = (
            self._source.evidence(self._assessment.id, history.first_day, history.last_day)
            if choice is None
            else choice.rows()
        )
        for batch in parts.batches(parts.below(found, self._checkpoint.size)):
            proofs = self._log.inclusion_proofs([leaf for leaf, _ in batch], self._checkpoint.size)
            for (leaf, evidence), proof in zip(batch, proofs, strict=True):
                record = evidence.to_json()
                table.write(csvcheck.row(leaf, record))
                gatherer.add(leaf, evidence)
                cited.verdicts[evidence.verdict.value] += 1
                if evidence.run_id == history.latest["run_id"]:
                    of_source = cited.sources.setdefault(evidence.source_id, Counter())
                    of_source[evidence.verdict.value] += 1
                for item in evidence.inputs:
                    pointers = cited.digests.setdefault(bytes.fromhex(item.digest), _NO_POINTERS)
                    if with_pointers and item.pointer not in pointers:
                        cited.digests[bytes.fromhex(item.digest)] = {*pointers, item.pointer}
                yield parts.proved_line(leaf, record, proof)

    def _ledger(self, zip_file: ZipWriter) -> None:
        size = self._checkpoint.size
        zip_file.stream("runs.jsonl", parts.proved_lines(self._held.runs(), self._log, size))
        zip_file.stream("records.jsonl", parts.proved_lines(self._held.records(), self._log, size))
        lines = parts.consistency_lines(self._source, self._tenant, size)
        zip_file.stream("consistency.jsonl", lines)
        zip_file.add("checkpoint.txt", self._signed.note.encode())
        if self._signed.stamp is not None:
            zip_file.add("timestamp.tsr", self._signed.stamp)
        key = VerifierKey(self._name, self._signer.public.raw)
        statements = [record for _, record in self._held.records() if record["kind"] == "key"]
        text = parts.keys_text(self._source, self._tenant, str(key), statements)
        zip_file.add("keys.txt", text)
        self._catalogues(zip_file)

    def _period(self, zip_file: ZipWriter) -> matrix.Matrix:
        """Write what each control was on each day."""
        table, history = matrix.Matrix(), self._history
        for record in self._held.inside():
            table.add(record)
        zip_file.stream(matrix.NAME, table.lines(history.first_day, history.last_day))
        return table

    def _oscal(self, zip_file: ZipWriter, cited: _Cited, predicate: Mapping[str, Any]) -> bytes:
        latest = self._history.latest
        names = ("evidence.jsonl", "runs.jsonl", rules.NAME)
        facts = oscal.Facts(
            predicate=predicate,
            run=latest,
            framework=json.loads(self._held.catalogue(latest["catalogue_digest"]))["framework"],
            sources=cited.sources,
            digests={name: zip_file.digests[name] for name in names},
        )
        return oscal.document(facts)

    def _catalogues(self, zip_file: ZipWriter) -> None:
        """Write each version of the catalogue that a run of the report used."""
        last = self._history.latest["catalogue_digest"]
        for digest in (last, *sorted(self._history.catalogues - {last})):
            name = rules.NAME if digest == last else f"{rules.FOLDER}{digest}.json"
            zip_file.add(name, self._held.catalogue(digest))

    def _answers(self, cited: _Cited) -> Iterator[bytes]:
        """Yield a line for each run of the report: what it was judged from, cited or not.

        Also what no record cites is included: a list that was read whole is part of a verdict. Not
        so in a report of chosen evidence, which holds the answers to that evidence alone.
        """
        whole = self._request.observations == "cited" and self._request.choice is None
        for record in self._held.inside():
            if record["run_id"] in self._deleted:
                continue
            digests = list(self._source.answers(record["run_id"]))
            if whole:
                for digest in digests:
                    cited.digests.setdefault(bytes.fromhex(digest), _NO_POINTERS)
            yield canonical({"run_id": record["run_id"], "answers": digests}) + b"\n"

    def _observations(self, zip_file: ZipWriter, cited: _Cited) -> None:
        mode = self._request.observations
        if mode == "none":
            return
        for key in sorted(cited.digests):
            result = parts.observation(self._source, key.hex())
            data = parts.observation_json(result, mode, cited.digests[key])
            zip_file.add(path_of(key.hex()), data)

    def _facts(self, cited: _Cited, period: matrix.Matrix) -> Facts:
        parameters = tuple(r for _, r in self._held.records() if r["kind"] == "parameter")
        return Facts(
            report_id=self._report_id,
            now=self._now,
            assessment=self._assessment,
            catalogue=self._catalogue,
            history=self._history,
            key_id=VerifierKey(self._name, self._signer.public.raw).id.hex(),
            protected=self._signer.protected,
            tree_size=self._checkpoint.size,
            root=self._checkpoint.root.hex(),
            stamped=self._signed.stamp is not None,
            evidence=cited.verdicts,
            parameter_records=parameters,
            choice=self._request.choice,
            period=period,
            deleted=self._deleted,
        )

    def _seal(self, zip_file: ZipWriter, predicate: Mapping[str, Any]) -> None:
        length, digest = zip_file.sealed()
        sealed = {"sealed": {"bytes": length, "sha256": digest}}
        payload = manifest.statement(zip_file.digests, {**predicate, **sealed})
        if len(payload) > MAX_MANIFEST:
            raise ReportError(
                f"The report would hold {len(zip_file.digests)} files",
                why=f"Its manifest has {len(payload):,} bytes; {MAX_MANIFEST:,} are allowed.",
                todo="Choose a shorter period with --from and --to, or --observations none.",
            )
        zip_file.add("manifest.json", payload, packed=False)
        envelope = manifest.envelope(payload, self._signer, self._name)
        zip_file.add("manifest.dsse.json", envelope, packed=False)

    def _predicate(self, cited: _Cited) -> Mapping[str, Any]:
        history, assessment = self._history, self._assessment
        return {
            "report_id": self._report_id,
            "generated_at": iso(self._now),
            "tool": f"affidavit {__version__}",
            "tenant": self._tenant,
            "assessment": {"id": assessment.id, "name": assessment.name},
            "framework": {
                "id": history.latest["framework_id"],
                "version": history.latest["framework_version"],
                "catalogue_digest": history.latest["catalogue_digest"],
            },
            "period": [history.first_day.isoformat(), history.last_day.isoformat()],
            "tree": {"size": self._checkpoint.size, "root": self._checkpoint.root.hex()},
            "counts": {
                "evidence": cited.verdicts.total(),
                "runs": history.runs,
                "verdicts": {v.value: cited.verdicts[v.value] for v in Verdict},
            },
            "days_without_run": [day.isoformat() for day in history.days_without],
            "completeness": ALL if self._request.choice is None else CHOSEN,
            "choice": self._choice(),
            "observations": self._request.observations,
            "attachments": self._request.attachments,
            "synthetic": history.synthetic,
            "key_protection": PROTECTION[self._signer.protected],
        }

    def _choice(self) -> dict[str, Any]:
        choice = self._request.choice
        return {} if choice is None else {**choice.said(), "leaf": choice.leaf}

    def _check(self, path: Path) -> None:
        outcome = verify(path, Key(self._name, self._signer.public.raw))
        if outcome.failure is not None:
            failure = outcome.failure
            raise ReportError(
                "The report that was built does not verify, and was not kept",
                why=f"{failure.step}: {failure.where}: {failure.what}.",
                todo="Run `affidavit ledger verify`: store and ledger may not agree.",
            )


_NO_POINTERS: set[str] = set()
