"""A run of a report as the program's own values: what was collected, and what was answered."""

import json
from collections.abc import Mapping
from typing import Any

from affidavit.checks.facts import Facts
from affidavit.model.observation import Gap, GapReason, Observation, Proof, Result, Unit
from affidavit.model.run import Assessment, Estate, LeftOut
from affidavit.model.times import parse
from affidavit.report.verify.failure import VerificationError
from affidavit.report.verify.observations import MAX_OBSERVATION, path_of
from affidavit.report.verify.zipsafe import Archive


def facts_of(archive: Archive, run: Mapping[str, Any], answers: list[str]) -> dict[str, Facts]:
    """Return a run's answers by account, of the accounts that it collected."""
    estate = assessment_of(run).estate
    facts = {name: Facts(name, estate.regions_of(name)) for name in estate.accounts}
    for digest in answers:
        result = _result(archive, digest)
        if result.unit.account_id in facts:
            facts[result.unit.account_id].add(result)
    return facts


def assessment_of(run: Mapping[str, Any]) -> Assessment:
    """Return the assessment as the run collected it."""
    return Assessment(
        id=run["assessment_id"],
        name=run["assessment_name"],
        tenant=run["tenant"],
        framework_id=run["framework_id"],
        estate=Estate(
            accounts=tuple(run["accounts"]),
            regions=tuple(run["regions"]),
            left_out=tuple(LeftOut.from_json(one) for one in run["left_out"]),
        ),
        created_at=parse(run["started_at"]),
        created_by="",
        parameters=json.loads(run["parameters"]),
    )


def _result(archive: Archive, digest: str) -> Result:
    """Return an observation or gap from its file, whose digests `verify` has checked."""
    name = path_of(digest)
    if name not in archive.entries:
        raise VerificationError(name, "is not in the report: it was made without observations")
    value = json.loads(archive.read(name, MAX_OBSERVATION))
    said = value["observation"]
    proof = Proof.from_json(said["proof"]) if said["proof"] else None
    unit = Unit(
        key=said["key"],
        account_id=said["account_id"],
        region=said["region"],
        parameters=json.loads(said["parameters"]),
    )
    if said["kind"] == "gap":
        return Gap(
            unit=unit,
            service=said["service"],
            operation=said["operation"],
            reason=GapReason(said["reason"]),
            code=said["code"],
            message=said["message"],
            proof=proof,
        )
    if "body" not in value or proof is None:
        raise VerificationError(name, "holds only parts: judging again needs whole observations")
    return Observation(
        unit=unit,
        service=said["service"],
        operation=said["operation"],
        absent=said["absent"],
        body=value["body"],
        proof=proof,
    )
