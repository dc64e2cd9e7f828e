"""The catalogue behind a custom framework: the shipped one, and what its sources need besides.

Everything follows from the shipped catalogue and from the framework alone, so that whoever has the
two (a report holds the framework) has the same catalogue, digest and all, and can judge again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from affidavit.checks import config, own_rules, security_hub
from affidavit.checks.security_hub_controls import FINDINGS
from affidavit.collector import api_calls
from affidavit.collector.evidence import NOT_DUE, UNMAPPED
from affidavit.collector.plan import CONFIG_OPERATIONS
from affidavit.model.catalogue import (
    Catalogue,
    Check,
    ConfigRule,
    Operation,
    ResourceSet,
    version_of,
    versioned,
)
from affidavit.model.framework import ControlSource, Framework, SourceType
from affidavit.model.verdict import Verdict

CUSTOM: Final = "custom"
"""The version of every framework that is not a shipped one as it was shipped."""
RULE_ID: Final = "rule-"
"""What the ids of checks begin with that are rules of owners' own."""
_WORDS: Final = {
    UNMAPPED: "A source of a custom control that is not collected; it decides nothing",
    NOT_DUE: "A source that is not due today (WEEKLY, MONTHLY); it asks and decides nothing",
    config.RECORDED: "What AWS Config recorded under the rule, as it is",
    security_hub.CHECK: "What Security Hub found under the control, as it is",
}
_FINDINGS: Final = Operation(
    key=FINDINGS,
    service="securityhub",
    operation="GetFindings",
    per_account=False,
    fan_out="security_hub_findings",
    inputs={"Filters": "the control, the account and the Region"},
    parents=(),
    absent_on=frozenset(),
    iam_action="securityhub:GetFindings",
    redact=(),
    note="",
)


def with_framework(catalogue: Catalogue, framework: Framework) -> Catalogue:
    """Return the catalogue with another framework and all that its sources are collected by.

    Its digest is of all that it then holds.
    """
    sources = [source for control in framework.controls() for source in control.sources]
    judged = _judged_calls(sources)
    calls = {*_calls(sources), *judged}
    checks = {check.id: check for check in (*_checks(), *_ruled(sources))}
    operations = {FINDINGS: _FINDINGS, **api_calls.added(catalogue, calls)}
    rules = {
        source.keyword: ConfigRule(identifier=source.keyword, check=config.RECORDED)
        for source in sources
        if source.check == config.RECORDED
    }
    own = replace(
        catalogue,
        framework=framework,
        operations={**catalogue.operations, **operations},
        resource_sets=_sets(catalogue, judged),
        checks={**catalogue.checks, **checks},
        config_rules={**rules, **catalogue.config_rules},
    )
    return versioned(own)


def with_records(catalogue: Catalogue, about: str) -> Catalogue:
    """Return the catalogue with the kind of record that a rule is about, where that is a call's.

    For reading and trying a rule that no framework has yet; its digest is that of no catalogue.
    """
    if about in catalogue.resource_sets or about not in api_calls.keywords():
        return catalogue
    operations = {**catalogue.operations, **api_calls.added(catalogue, [about])}
    return replace(catalogue, operations=operations, resource_sets=_sets(catalogue, [about]))


def _sets(catalogue: Catalogue, calls: Iterable[str]) -> dict[str, ResourceSet]:
    added = {call: api_calls.record_set(catalogue, call) for call in sorted(calls)}
    return {**catalogue.resource_sets, **added}


def _judged_calls(sources: list[ControlSource]) -> set[str]:
    """Return the API calls whose answers are what rules are about."""
    about = {source.rule.resource_set for source in sources if source.rule is not None}
    return about & set(api_calls.keywords())


def _calls(sources: list[ControlSource]) -> Iterator[str]:
    for source in sources:
        if source.type is SourceType.API_CALL and not source.check:
            yield source.keyword


def _ruled(sources: list[ControlSource]) -> Iterator[Check]:
    for source in sources:
        if source.rule is not None:
            yield own_rules.check_of(source.rule, source.check, source.keyword)


def _checks() -> Iterator[Check]:
    yield _check(UNMAPPED, SourceType.API_CALL)
    yield _check(NOT_DUE, SourceType.API_CALL)
    yield _check(config.RECORDED, SourceType.CONFIG, *CONFIG_OPERATIONS)
    yield _check(security_hub.CHECK, SourceType.SECURITY_HUB, FINDINGS)


def _check(identifier: str, kind: SourceType, *operations: str) -> Check:
    """Return the check that evidence of a kind names, so that its verdict or its gap counts.

    It is never evaluated by itself: "compliant" is false.
    """
    check = Check(
        id=identifier,
        resource_set="account",
        type=kind.value,
        keyword="",
        applies="true",
        compliant="false",
        inconclusive="true",
        words=_WORDS[identifier],
        params={},
        empty_verdict=Verdict.NOT_APPLICABLE,
        empty_when="",
        operations=operations,
        reads=(),
        note="",
        digest="",
    )
    return replace(check, digest=version_of(check))
