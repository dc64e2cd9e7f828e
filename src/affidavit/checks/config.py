"""Evidence of AWS Config: recorded evaluations beside the direct verdict.

Where a place has an active rule with the source's identifier, its evaluations of resources in scope
are recorded as they are (origin `config`). The direct verdict is computed too: it is kept where it
differs, so that the worse of the two counts, and where the rule recorded nothing on a resource. In
all other cases the direct verdict stands alone (origin `direct`).

What AWS Config could not be asked is a judgement of its own, undecided: the recorded half of the
source is unknown, and a recorded failure may hide there. The direct verdicts stand beside it. A
Region in which AWS Config does not exist records nothing; that is no gap.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from affidavit.checks.answers import Answer, Answers
from affidavit.checks.facts import Facts
from affidavit.checks.judge import Judgement, judge
from affidavit.checks.places import Place, Record, RecordSet
from affidavit.checks.policies import partition_of
from affidavit.checks.rule_names import is_rule
from affidavit.model.catalogue import Catalogue
from affidavit.model.evidence import Input
from affidavit.model.observation import GLOBAL_REGION, Gap, GapReason, Observation
from affidavit.model.times import iso
from affidavit.model.verdict import Standing, Verdict

RULES: Final = "DescribeConfigRules"
EVALUATIONS: Final = "GetComplianceDetailsByConfigRule"
ACTIVE: Final = "ACTIVE"
CONFIG: Final = "config"
DIRECT: Final = "direct"
ACCOUNT_TYPE: Final = "AWS::::Account"
"""The resource type under which AWS Config records what it says of a whole account."""

_JUDGED: Final[Mapping[str, tuple[Verdict, Standing]]] = {
    "COMPLIANT": (Verdict.COMPLIANT, Standing.JUDGED),
    "NON_COMPLIANT": (Verdict.NON_COMPLIANT, Standing.JUDGED),
    "NOT_APPLICABLE": (Verdict.NOT_APPLICABLE, Standing.OUT_OF_SCOPE),
}
"""How an evaluation reads; anything else, INSUFFICIENT_DATA above all, leaves it undecided."""

RECORDED: Final = "config-rule-evaluation"
"""Id of the check behind rules that have no direct verdict here (`collector.custom`)."""

Judged = tuple[Judgement, str]
"""A judgement and its origin, `config` or `direct`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evaluation:
    """One evaluation that a rule recorded."""

    check_id: str
    rule: str
    region: str
    resource_type: str
    resource_id: str
    compliance: str
    recorded: str
    annotation: str
    inputs: tuple[Input, ...]
    synthetic: bool


def config_judgements(
    catalogue: Catalogue,
    facts: Facts,
    place: Place,
    rule_identifier: str,
    params: Mapping[str, Any],
    now: datetime,
) -> Iterator[Judged]:
    """Yield the judgements of an AWS_Config source in a place, each with its origin.

    `params` are the effective parameters of the check behind the rule. In GLOBAL_REGION the rules
    of all Regions count, because IAM is recorded in each. Where the check is not run: nothing.
    """
    check_id = catalogue.config_rules[rule_identifier].check
    direct = list(judge(catalogue, place, check_id, params, now))
    if not direct:
        return
    reader = _Reader(Answers(catalogue, facts, now, {}), rule_identifier)
    regions = facts.regions if place.region == GLOBAL_REGION else (place.region,)
    recorded = [e for region in regions for e in reader.evaluations(region)]
    records = place.sets.get(catalogue.checks[check_id].resource_set, RecordSet()).records
    known_by = _names(records, facts)
    reader.gaps += _unnamed(recorded, facts)
    for gap in reader.gaps:
        yield _unknown(check_id, gap, place), CONFIG
    for arn, judged in _by_arn(direct, recorded).items():
        found = [e for e in recorded if e.resource_id in known_by.get(arn, frozenset())]
        yield from _joined(judged, found, _note(reader, rule_identifier))


def recorded_judgements(
    catalogue: Catalogue, facts: Facts, region: str, keyword: str, now: datetime
) -> Iterator[Judgement]:
    """Yield what AWS Config recorded under a rule that has no direct verdict, in a Region.

    A rule that is not there, that recorded nothing, or that could not be asked is a judgement of
    its own, undecided: at least one is yielded.
    """
    reader = _Reader(Answers(catalogue, facts, now, {}), keyword)
    evaluations = list(reader.evaluations(region))
    for gap in (*reader.gaps, *reader.absent):
        words = f"AWS Config could not be asked in {region} ({gap.reason.words}): {gap.message}"
        yield _open_rule(reader, region, words, gap)
    for evaluation in evaluations:
        yield _as_recorded(evaluation, partition_of(facts, region))
    for name in sorted(reader.rules - {evaluation.rule for evaluation in evaluations}):
        if not reader.gaps:
            words = f"The AWS Config rule {name} has recorded nothing: nothing is evaluated yet."
            gap = reader.gap(region, GapReason.NOTHING_TO_COLLECT, words)
            yield _open_rule(reader, region, words, gap)
    if not (reader.rules or reader.gaps or reader.absent):
        words = f"No active AWS Config rule {keyword} is in {region}."
        gap = reader.gap(region, GapReason.NOT_ENABLED, words)
        yield _open_rule(reader, region, words, gap)


def _as_recorded(evaluation: "_Evaluation", partition: str) -> Judgement:
    """Return an evaluation as AWS Config says it; the resource by its ARN where that is known."""
    judgement = _as_judgement(evaluation, [])
    identifier = evaluation.resource_id
    arn = identifier if identifier.startswith("arn:") else ""
    if evaluation.resource_type == "AWS::S3::Bucket":
        arn = f"arn:{partition}:s3:::{identifier}"
    attributes = {"resource": identifier, "status": evaluation.compliance}
    return replace(
        judgement,
        arn=arn,
        attributes={**judgement.attributes, **{k: v for k, v in attributes.items() if v}},
    )


def _open_rule(reader: "_Reader", region: str, words: str, gap: Gap) -> Judgement:
    asked = reader.answers.all(gap.unit.key, region)
    return Judgement(
        check_id=RECORDED,
        verdict=Verdict.NOT_APPLICABLE,
        standing=Standing.UNDECIDED,
        reason=words,
        gap=gap,
        region=region,
        inputs=tuple(reader.answers.input(a.result) for a in asked if a.result is not None),
        synthetic=any(a.synthetic for a in asked),
    )


def _by_arn(
    direct: list[Judgement], recorded: list["_Evaluation"]
) -> Mapping[str, list[Judgement]]:
    """Return the direct judgements by ARN; the account's under '', also where there is none."""
    groups: dict[str, list[Judgement]] = {}
    for judgement in direct:
        groups.setdefault(judgement.arn, []).append(judgement)
    if any(e.resource_type == ACCOUNT_TYPE for e in recorded):
        groups.setdefault("", [])
    return groups


def _joined(direct: list[Judgement], recorded: list["_Evaluation"], note: str) -> Iterator[Judged]:
    """Yield what was recorded on a resource, and direct verdicts that differ or stand alone."""
    evaluations = [_as_judgement(e, direct) for e in recorded]
    for found in evaluations:
        yield found, CONFIG
    for judgement in direct:
        if not evaluations:
            yield replace(judgement, reason=f"{judgement.reason} {note}"), DIRECT
        elif any(found.verdict is not judgement.verdict for found in evaluations):
            yield _differing(judgement, evaluations), DIRECT


def _differing(judgement: Judgement, recorded: list[Judgement]) -> Judgement:
    said = ", ".join(sorted({found.verdict.value for found in recorded}))
    reason = f"{judgement.reason} AWS Config recorded {said}; both are kept, the worse one counts."
    return replace(judgement, reason=reason)


def _as_judgement(evaluation: _Evaluation, direct: list[Judgement]) -> Judgement:
    """Return an evaluation as a judgement of the resource that was judged directly."""
    undecided = Verdict.NOT_APPLICABLE, Standing.UNDECIDED
    verdict, standing = _JUDGED.get(evaluation.compliance, undecided)
    reason = (
        f"The AWS Config rule {evaluation.rule} recorded {evaluation.compliance}"
        f" on {evaluation.recorded or 'an unknown date'}. {evaluation.annotation}"
    )
    return Judgement(
        check_id=evaluation.check_id,
        verdict=verdict,
        standing=standing,
        reason=reason.strip(),
        arn=direct[0].arn if direct else "",
        resource_type=evaluation.resource_type,
        region=evaluation.region,
        inputs=evaluation.inputs,
        attributes={**(direct[0].attributes if direct else {}), "rule": evaluation.rule},
        synthetic=evaluation.synthetic,
    )


def _unknown(check_id: str, gap: Gap, place: Place) -> Judgement:
    reason = (
        f"AWS Config could not be asked in {gap.unit.region} ({gap.reason.words}):"
        f" {gap.message.rstrip('.')}. What it recorded is unknown; the direct verdict stands in."
    )
    known = place.acct_inputs.get(gap.unit.key, ())
    return Judgement(
        check_id=check_id,
        verdict=Verdict.NOT_APPLICABLE,
        standing=Standing.UNDECIDED,
        reason=reason,
        gap=gap,
        region=gap.unit.region,
        inputs=tuple(one for one in known if one.digest == gap.digest),
        synthetic=bool(gap.proof and gap.proof.synthetic),
    )


def _note(reader: "_Reader", identifier: str) -> str:
    """Return why a direct verdict stands alone."""
    if reader.gaps:
        return f"What AWS Config recorded under {identifier} is not wholly known; judged directly."
    if reader.rules:
        rules = ", ".join(sorted(reader.rules))
        return f"The AWS Config rule {rules} recorded nothing on it; judged directly."
    return f"No AWS Config rule {identifier} is active; judged directly."


class _Reader:
    """Reads the active rules with one identifier, and what they recorded."""

    def __init__(self, answers: Answers, identifier: str) -> None:
        self.answers = answers
        self.identifier = identifier
        self.gaps: list[Gap] = []
        self.absent: list[Gap] = []
        """Why AWS Config does not exist in a Region."""
        self.rules: set[str] = set()

    def gap(self, region: str, reason: GapReason, words: str) -> Gap:
        """Return a gap that we found ourselves."""
        return self.answers.gap(RULES, region, {}, reason, words)

    def evaluations(self, region: str) -> Iterator[_Evaluation]:
        """Yield what the rules recorded in a Region; what is unknown goes to `gaps`."""
        described = self.answers.ask(RULES, region, {})
        if described.gap is not None:
            unsupported = described.gap.reason is GapReason.UNSUPPORTED_IN_REGION
            (self.absent if unsupported else self.gaps).append(described.gap)
            if not described.body:
                return
        for index, rule in enumerate(described.body.get("ConfigRules", [])):
            if is_rule(rule, self.identifier) and rule.get("ConfigRuleState") == ACTIVE:
                name = str(rule.get("ConfigRuleName", ""))
                self.rules.add(name)
                yield from self._of_rule(name, region, self._cite(described, "ConfigRules", index))

    def _of_rule(self, name: str, region: str, rule: tuple[Input, ...]) -> Iterator[_Evaluation]:
        answer = self.answers.ask(EVALUATIONS, region, {"ConfigRuleName": name})
        if answer.gap is not None:
            self.gaps.append(answer.gap)
        for index, result in enumerate(answer.body.get("EvaluationResults", [])):
            identifier = result.get("EvaluationResultIdentifier", {})
            qualifier = identifier.get("EvaluationResultQualifier", {})
            recorded = result.get("ResultRecordedTime")
            yield _Evaluation(
                check_id=self.answers.catalogue.config_rules[self.identifier].check,
                rule=name,
                region=region,
                resource_type=qualifier.get("ResourceType", ""),
                resource_id=qualifier.get("ResourceId", ""),
                compliance=result.get("ComplianceType", ""),
                recorded=iso(recorded) if isinstance(recorded, datetime) else "",
                annotation=result.get("Annotation", ""),
                inputs=(*rule, *self._cite(answer, "EvaluationResults", index)),
                synthetic=answer.synthetic,
            )

    def _cite(self, answer: Answer, member: str, index: int) -> tuple[Input, ...]:
        if answer.result is None:
            return ()
        return (self.answers.input(answer.result, f"/{member}/{index}"),)


def _names(records: tuple[Record, ...], facts: Facts) -> Mapping[str, frozenset[str]]:
    """Return under which ids AWS Config may know what is judged, by ARN; the account's under ''.

    AWS Config names a resource by ARN, by name, or by an id of its own (IAM users and policies).
    """
    ids = _iam_ids(facts)
    names = {record.arn: _record_names(record) | ids.get(record.arn, set()) for record in records}
    names[""] = {facts.account_id}
    return {arn: frozenset(known) for arn, known in names.items()}


def _record_names(record: Record) -> set[str]:
    tail = record.arn.rpartition(":")[2]
    names = {record.arn, tail}
    if not tail.startswith("/"):
        names |= {tail.rpartition("/")[2], tail.partition("/")[2]}
    names |= {record.attributes[key] for key in ("name", "id") if key in record.attributes}
    points = record.values.get("ListRecoveryPointsByResource", {}).get("RecoveryPoints", [])
    names |= {str(point.get("RecoveryPointArn", "")) for point in points}
    return names - {""}


_DETAILS: Final = "GetAccountAuthorizationDetails"
_IAM_IDS: Final = (
    ("UserDetailList", "UserId"),
    ("GroupDetailList", "GroupId"),
    ("RoleDetailList", "RoleId"),
    ("Policies", "PolicyId"),
)


def _iam_ids(facts: Facts) -> Mapping[str, set[str]]:
    """Return IAM's own ids of users, groups, roles and policies by ARN, where they are known."""
    found: dict[str, set[str]] = {}
    for result in facts.results(_DETAILS, GLOBAL_REGION):
        body = result.body if isinstance(result, Observation) else {}
        for member, key in _IAM_IDS:
            for item in body.get(member, []):
                if isinstance(item, Mapping) and item.get(key):
                    found.setdefault(str(item.get("Arn", "")), set()).add(str(item[key]))
    return found


def _unnamed(recorded: list[_Evaluation], facts: Facts) -> list[Gap]:
    """Return the gaps that hide which IAM user or policy an evaluation is about."""
    if not any(e.resource_type.startswith("AWS::IAM::") for e in recorded):
        return []
    results = facts.results(_DETAILS, GLOBAL_REGION)
    return [result for result in results if isinstance(result, Gap)]
