"""Makes runs of a little estate on a real ledger in memory: Merkle tree, signed checkpoints."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

from tests.report.memory_ledger import TENANT, Ledger, new_signer

from affidavit.checks.rules import effective_parameters
from affidavit.collector.verdicts import Tally
from affidavit.model.canonical import digest_of, plain_json
from affidavit.model.catalogue import Catalogue, Check, content
from affidavit.model.evidence import Evidence, Input
from affidavit.model.framework import Control, ControlSource, SourceType
from affidavit.model.identifiers import new_id, new_salt
from affidavit.model.observation import Gap, GapReason, Observation, Proof, Result, Unit
from affidavit.model.run import Assessment, Estate, LeftOut, RunRecord, digest_of_answers
from affidavit.model.times import iso
from affidavit.model.verdict import Standing, Verdict

NOW = datetime(2026, 1, 8, 6, 0, tzinfo=UTC)
FIRST_DAY = date(2026, 1, 5)
TEXT = '=HYPERLINK("x"), said the board;\nall staff were trained'
FILE = b"%PDF-1.7 minutes of the board"
LONG_NAME = "northwind-assistants-training-data-customer-conversations-2025-eu-west-1"


class Maker:
    """Makes runs: for every source of every control some records, verdicts by a seeded dice."""

    def __init__(self, catalogue: Catalogue, *, synthetic: bool, per_source: int = 2) -> None:
        self.catalogue = catalogue
        self.synthetic = synthetic
        self.per_source = per_source
        self.dice = random.Random(7)  # noqa: S311 - a dice for tests, not a secret
        self.ledger: Any = Ledger(new_signer(self.dice))
        self.ledger.catalogues[catalogue.digest] = content(catalogue)
        self.sequences: dict[str, tuple[int, str]] = {}

    def assessment(self, name: str, parameters: dict[str, dict[str, Any]]) -> Assessment:
        """Make an assessment, logged with its parameters."""
        made = NOW - timedelta(days=4)
        assessment = Assessment(
            id=new_id(made, self.dice.getrandbits),
            name=name,
            tenant=TENANT,
            framework_id=self.catalogue.framework.id,
            estate=Estate(
                accounts=("111122223333", "444455556666"),
                regions=("eu-central-1", "us-east-1"),
                left_out=(
                    LeftOut(
                        account_id="777788889999",
                        region="",
                        why="AssumeRole was denied: the role AffidavitAudit does not exist there",
                    ),
                ),
            ),
            created_at=made,
            created_by="arn:aws:iam::111122223333:role/audit",
            parameters=parameters,
        )
        self.ledger.made[assessment.id] = assessment
        for check, values in parameters.items():
            for key, value in values.items():
                self.ledger.append(
                    {
                        "kind": "parameter",
                        "assessment_id": assessment.id,
                        "check_id": check,
                        "name": key,
                        "value": plain_json(value).decode(),
                        "by": "arn:aws:sts::111122223333:assumed-role/audit/ms.owner@example.com",
                        "time": iso(made),
                        "why": "Our own list of approved models, board decision 2025-11.",
                    }
                )
        return assessment

    def change(self, text: str) -> None:
        """Log a change."""
        self.ledger.append(
            {"kind": "change", "what": text, "salt": new_salt(self.dice.getrandbits)}
        )

    def add_manual(
        self, assessment: Assessment, control: Control, items: list[dict[str, Any]]
    ) -> None:
        """Log that a person added manual evidence, and keep its contents."""
        told = []
        for item in items:
            said: dict[str, Any] = {"id": item["id"], "salt": "s" * 32, "state": "KEPT"}
            if "bucket" in item:
                name = item["bucket"].rpartition("/")[2]
                said |= {"s3ResourcePath": item["bucket"], "fileName": name, "state": "FETCHING"}
            else:
                data = item["text"].encode() if "text" in item else item["file"][1]
                said |= {"sha256": sha256(data).hexdigest(), "size": len(data)}
                said |= {} if "text" in item else {"fileName": item["file"][0]}
                key = item["id"] if "text" in item else said["sha256"]
                self.ledger.contents[key] = data
            told.append(said)
        self._imported(assessment, control, {"manualEvidence": told})

    def fetched(
        self, assessment: Assessment, control: Control, item: str, data: bytes | None
    ) -> None:
        """Log that a file came from S3, or that it did not."""
        if data is None:
            details: dict[str, Any] = {"id": item, "state": "FAILED", "why": "AccessDenied"}
        else:
            digest = sha256(data).hexdigest()
            details = {"id": item, "state": "KEPT", "sha256": digest, "size": len(data)}
            self.ledger.contents[digest] = data
        self._imported(assessment, control, details)

    def _imported(self, assessment: Assessment, control: Control, details: dict[str, Any]) -> None:
        self.ledger.append(
            {
                "kind": "change",
                "id": f"change-{self.ledger.tree.size}",
                "time": iso(NOW - timedelta(hours=1)),
                "by": "arn:aws:iam::111122223333:user/ms.owner",
                "action": "IMPORT_EVIDENCE",
                "object_type": "CONTROL",
                "object_id": control.uuid,
                "object_name": control.title,
                "assessment_id": assessment.id,
                "details": plain_json(details).decode(),
            }
        )

    def run(self, assessment: Assessment, day: date) -> RunRecord:
        """Run the assessment on a day and sign a checkpoint."""
        started = datetime(day.year, day.month, day.day, 3, tzinfo=UTC)
        run_id = new_id(started, self.dice.getrandbits)
        tally = Tally(self.catalogue.framework)
        first = self.ledger.tree.size
        for control in self.catalogue.framework.controls():
            for source in control.sources:
                for item in self._evidence(assessment, run_id, control, source, started):
                    tally.add([item])
                    self.ledger.kept.append((self.ledger.append(item.to_json()), item))
        sequence, previous = self.sequences.get(assessment.id, (0, ""))
        record = RunRecord(
            run_id=run_id,
            assessment_id=assessment.id,
            assessment_name=assessment.name,
            tenant=TENANT,
            sequence=sequence + 1,
            previous=previous,
            framework_id=self.catalogue.framework.id,
            framework_version=self.catalogue.framework.version,
            catalogue_digest=self.catalogue.digest,
            day=day,
            started_at=started,
            finished_at=started + timedelta(minutes=2),
            tool="affidavit 0.1.0",
            synthetic=tally.synthetic,
            estate=assessment.estate,
            operations=321,
            naive_operations=1234,
            calls=400,
            gaps=dict(sorted(tally.gaps.items())),
            controls=tally.results({}),
            evidence=tally.evidence,
            first_leaf=first,
            parameters=assessment.parameters,
            answers=len(self.ledger.asked[run_id]),
            answers_digest=digest_of_answers(self.ledger.asked[run_id]),
        )
        value = record.to_json()
        self.ledger.append(value)
        self.sequences[assessment.id] = (sequence + 1, digest_of(value))
        self.ledger.sign()
        return record

    def _evidence(
        self,
        assessment: Assessment,
        run_id: str,
        control: Control,
        source: ControlSource,
        now: datetime,
    ) -> Iterator[Evidence]:
        for number in range(self.per_source if source.check else 1):
            account = assessment.estate.accounts[number % 2]
            result = self._result(source, now, account)
            self.ledger.results[result.digest] = result
            self.ledger.asked.setdefault(run_id, set()).add(result.digest)
            check = self.catalogue.checks.get(source.check)
            yield replace(
                self._judged(source, result, number),
                account_id=account,
                parameters=_parameters(check, source, assessment),
                id=new_id(now, self.dice.getrandbits),
                assessment_id=assessment.id,
                run_id=run_id,
                control_set_id=control.control_set,
                control_id=control.id,
                check_digest=check.digest if check else "",
                time=now,
                salt=new_salt(self.dice.getrandbits),
            )

    def _judged(self, source: ControlSource, result: Result, number: int) -> Evidence:
        verdict, standing, gap, reason = self._verdict(source, result)
        name = f"{LONG_NAME}-{number}"
        manual = source.type is SourceType.MANUAL
        return Evidence(
            id="",
            assessment_id="",
            run_id="",
            control_set_id="",
            control_id="",
            source_id=source.id,
            source_type=source.type.value,
            keyword=source.keyword,
            evidence_type="Manual" if manual else "Configuration data",
            time=NOW,
            account_id="111122223333",
            region=self.dice.choice(("us-east-1", "eu-central-1")),
            resource_arn="" if gap or manual else f"arn:aws:s3:::{name}",
            resource_type="" if gap else "AWS::S3::Bucket",
            verdict=verdict,
            standing=standing,
            reason=reason,
            gap=gap,
            check_id=source.check,
            check_digest="",
            parameters="{}",
            origin="direct" if source.check else "activity",
            inputs=() if manual else (Input(digest=result.digest, pointer="/items/0"),),
            attributes={"name": name, "comment": '=HYPERLINK("http://x","y")'},
            synthetic=not manual and bool(result.proof and result.proof.synthetic),
            salt="",
        )

    def _verdict(self, source: ControlSource, result: Result) -> tuple[Verdict, Standing, str, str]:
        if not source.check:
            words = "@no manual evidence yet, or an event;\nit carries no verdict"
            return Verdict.NOT_APPLICABLE, Standing.ACTIVITY, "nothing_to_collect", words
        if isinstance(result, Gap):
            return (
                Verdict.NOT_APPLICABLE,
                Standing.UNDECIDED,
                result.reason.value,
                f"{source.keyword}: {result.message}",
            )
        if self.dice.random() < 0.75:
            return Verdict.COMPLIANT, Standing.JUDGED, "", "Versioning is Enabled, as required."
        words = (
            "The public access block lacks RestrictPublicBuckets; the policy allows Principal *."
        )
        return Verdict.NON_COMPLIANT, Standing.JUDGED, "", words

    def _result(self, source: ControlSource, now: datetime, account: str) -> Result:
        unit = Unit(
            key="GetBucketPolicy",
            account_id=account,
            region="aws-global",
            parameters={"Bucket": f"bucket-{self.dice.getrandbits(60)}"},
        )
        proof = Proof(
            endpoint="http://127.0.0.1:5000" if self.synthetic else "https://s3.amazonaws.com",
            synthetic=self.synthetic,
            caller_arn=f"arn:aws:sts::{account}:assumed-role/audit/run",
            request_ids=("0123456789ABCDEF",),
            pages=1,
            attempts=1,
            started_at=now + timedelta(seconds=10),
            finished_at=now + timedelta(seconds=11),
            tool="affidavit 0.1.0",
        )
        if self.dice.random() < 0.05:
            return Gap(
                unit=unit,
                service="s3",
                operation="GetBucketPolicy",
                reason=GapReason.DENIED,
                code="AccessDenied",
                message="User is not authorized to perform: s3:GetBucketPolicy on resource "
                f"arn:aws:s3:::{LONG_NAME} because no identity-based policy allows it.",
                proof=proof,
            )
        return Observation(
            unit=unit,
            service="s3",
            operation="GetBucketPolicy",
            absent="",
            body={"items": [{"name": source.keyword, "share": 0.25}], "more": "Grüße"},
            proof=proof,
        )


def _parameters(check: Check | None, source: ControlSource, assessment: Assessment) -> str:
    """Return the parameters in force as evidence has them."""
    if check is None:
        return "{}"
    own = assessment.parameters.get(check.id, {})
    return plain_json(effective_parameters(check, source.params, own)).decode()
