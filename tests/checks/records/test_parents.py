"""What a fan-out reads is declared: the plan asks parents first, and their gaps are not silent."""

from datetime import UTC, datetime
from typing import Any

import pytest

from affidavit.checks.facts import Facts
from affidavit.checks.fanout import FAN_OUTS, FanOutContext
from affidavit.model.catalogue import Catalogue
from affidavit.model.observation import GLOBAL_REGION, JsonObject, Result

HOME = "us-east-1"
OTHER = "eu-west-1"
NOW = datetime(2026, 3, 15, 12, 30, tzinfo=UTC)


class WatchedFacts(Facts):
    """Facts that note which operations are looked at."""

    def __init__(self, whole: Facts) -> None:
        super().__init__(whole.account_id, whole.regions)
        self.read: set[str] = set()
        for result in whole:
            self.add(result)

    def results(self, key: str, region: str = GLOBAL_REGION) -> list[Result]:
        """Note the operation and return its results."""
        self.read.add(key)
        return super().results(key, region)

    def result(self, key: str, region: str, parameters: JsonObject) -> Result | None:
        """Note the operation and return one result."""
        self.read.add(key)
        return super().result(key, region, parameters)


def ancestors(catalogue: Catalogue, key: str) -> set[str]:
    """Return the operation, its parents, and theirs."""
    found: set[str] = set()
    waiting = [key]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting.extend(catalogue.operations[one].parents)
    return found


@pytest.mark.parametrize("with_extra_buckets", [False, True])
def test_every_operation_that_a_fan_out_reads_is_its_parent(
    account: Any, with_extra_buckets: bool
) -> None:
    """Each fan-out looks at its operation's declared parents, or theirs, and at nothing else."""
    if with_extra_buckets:
        account.params = {"bucket-tls": {"extra_buckets": ["nobody-names-me"]}}
    whole = account.facts()
    undeclared: dict[str, set[str]] = {}
    for key, operation in account.catalogue.operations.items():
        facts = WatchedFacts(whole)
        for region in (GLOBAL_REGION,) if operation.per_account else (HOME, OTHER):
            context = FanOutContext(
                catalogue=account.catalogue,
                operation=operation,
                facts=facts,
                region=region,
                now=NOW,
                params=account.params,
            )
            FAN_OUTS[operation.fan_out](context)
        undeclared[key] = facts.read - ancestors(account.catalogue, key)
    assert {key: names for key, names in undeclared.items() if names} == {}
