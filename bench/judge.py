"""Judging: verdicts a second over the simulated estate's own records."""

import time
from collections.abc import Mapping

from affidavit import catalogue as catalogues
from affidavit import demo
from affidavit.aws.door import Door
from affidavit.aws.settings import AwsSettings
from affidavit.checks import records
from affidavit.checks.judge import judge
from affidavit.checks.rules import effective_parameters
from affidavit.collector.execute import execute
from affidavit.collector.plan import plan
from affidavit.model.times import utc_now

ROUNDS = 5
PACE = 1000


def run() -> Mapping[str, float | str]:
    """Collect one account once, then build its records and judge them several times."""
    catalogue, now = catalogues.load(), utc_now()
    with demo.start() as estate:
        settings = AwsSettings(
            access_key=estate.access_key,
            secret_key=estate.secret_key,
            endpoint_url=estate.endpoint_url,
            region=estate.regions[0],
            requests_per_second=PACE,
            lookups_per_second=PACE,
        )
        with Door(settings) as door:
            facts = execute(
                plan(catalogue),
                door,
                estate.accounts[0],
                estate.regions,
                now=now,
                params=estate.parameters,
                sink=lambda _result: None,
                known=lambda _unit: None,
            )
    started = time.perf_counter()
    for _ in range(ROUNDS - 1):
        records.build(catalogue, facts, now, estate.parameters)
    places = records.build(catalogue, facts, now, estate.parameters).places
    built = time.perf_counter() - started
    count = sum(len(s.records) for place in places for s in place.sets.values())
    judged = 0
    started = time.perf_counter()
    for _ in range(ROUNDS):
        for control in catalogue.framework.controls():
            for source in control.sources:
                if not source.check:
                    continue
                check = catalogue.checks[source.check]
                own = estate.parameters.get(check.id, {})
                parameters = effective_parameters(check, source.params, own)
                for place in places:
                    judged += sum(1 for _ in judge(catalogue, place, check.id, parameters, now))
    spent = time.perf_counter() - started
    return {
        "records_built_per_s": count * ROUNDS / built,
        "verdicts_per_s": judged / spent,
    }
