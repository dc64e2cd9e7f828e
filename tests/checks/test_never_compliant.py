"""Whatever is taken away from what a check sees, no verdict becomes COMPLIANT."""

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from affidavit import catalogue as catalogue_package
from affidavit.catalogue.fixtures import FIXTURE_NOW, Fixture, load_fixtures
from affidavit.checks.judge import Judgement, judge
from affidavit.checks.members import names_read
from affidavit.checks.places import Metrics, Place, RecordSet
from affidavit.checks.rules import effective_parameters
from affidavit.model.catalogue import Catalogue, Check
from affidavit.model.observation import Gap, GapReason, Unit
from affidavit.model.verdict import Standing, Verdict

PlaceOf = Callable[..., Place]
CATALOGUE = catalogue_package.load()
FIXTURES = load_fixtures()
EXAMPLES = [(name, side) for name in sorted(FIXTURES) for side in ("good", "bad")]
EMPTY_MAY_PASS = {
    "bucket-policy-closed": "a bucket without a policy lets nobody in",
    "no-broad-managed": "a role without attached managed policies has no broad one",
    "traffic-guarded": "the share of guarded records suffices by itself",
    "bias-alarm": "an alarm on interventions suffices without metric filters",
    "pii-alarm": "an alarm on interventions suffices without metric filters",
    "custom-model-in-use": "a young model need not be deployed",
    "no-bedrock-wildcard": "a statement without actions or resources allows nothing",
    "no-admin-statement": "a statement without actions or resources allows nothing",
    "logging-delivers": "counted deliveries suffice; metrics only tell silence from idleness",
    "custom-model-not-duplicate": "fewer models than allowed; a list cut off is a gap",
}
"""Checks that are about the absence of something: an empty list, when whole, passes."""
OWN_LIST = re.compile(r"acct\.set\.\w+")
"""A list of records: ours, never an answer."""
OTHER_KINDS: tuple[Any, ...] = (
    "text",
    5,
    2.5,
    True,
    None,
    [],
    {},
    datetime(2026, 1, 1, tzinfo=UTC),
)
SAME_KIND: Mapping[str, tuple[Any, ...]] = {
    "string": ("", "zzz", "NONE", "DRAFT", "false"),
    "integer": (0, 1, 10**9),
    "double": (0.0, 1.0, 1e9),
    "boolean": (True, False),
    "timestamp": (datetime(1999, 1, 1, tzinfo=UTC), datetime(2026, 1, 14, 23, tzinfo=UTC)),
    "list": ([],),
    "map": ({},),
}
KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (datetime,),
    "list": (list,),
    "map": (dict,),
}


def a_gap(key: str, reason: GapReason = GapReason.DENIED) -> Gap:
    """Return a gap of an operation."""
    unit = Unit(key=key, account_id="111122223333", region="eu-west-1", parameters={})
    return Gap(
        unit=unit,
        service="s",
        operation=key,
        reason=reason,
        code="AccessDenied",
        message="not allowed",
        proof=None,
    )


def judged(check: Check, place: Place, example: Fixture) -> list[Judgement]:
    """Return all judgements of a check in a place."""
    params = effective_parameters(check, {}, example.p)
    return list(judge(CATALOGUE, place, check.id, params, FIXTURE_NOW))


def holders(example: Fixture, path: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield every mapping of the example that holds the last member of the path, and its name."""
    values: list[Any] = [{"r": example.r, "acct": example.acct}]
    parts = path.split(".")
    for part in parts[:-1]:
        name = part.removesuffix("[]")
        values = [v[name] for v in values if isinstance(v, dict) and name in v]
        if part.endswith("[]"):
            values = [element for value in values for element in value]
    last = parts[-1].removesuffix("[]")
    yield from ((v, last) for v in values if isinstance(v, dict) and last in v)


def without(example: Fixture, path: str) -> Fixture:
    """Return the example without a member, everywhere."""
    changed = copy.deepcopy(example)
    for holder, name in list(holders(changed, path)):
        del holder[name]
    return changed


def with_value(example: Fixture, path: str, value: Any) -> Fixture:
    """Return the example with another value at a member, everywhere."""
    changed = copy.deepcopy(example)
    for holder, name in list(holders(changed, path)):
        holder[name] = copy.deepcopy(value)
    return changed


def stays_whatever_it_is(check: Check, path: str, example: Fixture, place_of: PlaceOf) -> bool:
    """Tell whether the verdict is COMPLIANT with any other value: the member is not needed."""
    kind = next(m.kind for m in check.reads if m.path == path)
    return all(
        verdict_of(check, with_value(example, path, value), place_of) is Verdict.COMPLIANT
        for value in SAME_KIND[kind]
    )


def verdict_of(check: Check, example: Fixture, place_of: PlaceOf) -> Verdict:
    """Return the one verdict of a check on an example."""
    (judgement,) = judged(check, place_of(check, example), example)
    return judgement.verdict


@pytest.mark.parametrize(("name", "side"), EXAMPLES)
def test_a_required_member_taken_away_leaves_no_pass(
    name: str, side: str, place_of: PlaceOf
) -> None:
    """Without a required member nothing is COMPLIANT, unless the verdict never hung on it."""
    check, example = CATALOGUE.checks[name], FIXTURES[name][side]
    for member in check.reads:
        verdict = verdict_of(check, without(example, member.path), place_of)
        if verdict is not Verdict.COMPLIANT:
            continue
        assert side == "good", member.path
        if member.required and list(holders(example, member.path)):
            assert stays_whatever_it_is(check, member.path, example, place_of), member.path


@pytest.mark.parametrize(("name", "side"), EXAMPLES)
def test_a_member_of_another_kind_leaves_the_record_undecided(
    name: str, side: str, place_of: PlaceOf
) -> None:
    """A text where a flag is due, nothing where a list is due: malformed, never a verdict."""
    check, example = CATALOGUE.checks[name], FIXTURES[name][side]
    for member in check.reads:
        if OWN_LIST.fullmatch(member.path) or not list(holders(example, member.path)):
            continue
        for value in OTHER_KINDS:
            flag = isinstance(value, bool) and member.kind != "boolean"
            if isinstance(value, KINDS[member.kind]) and not flag:
                continue
            changed = with_value(example, member.path, value)
            (judgement,) = judged(check, place_of(check, changed), example)
            assert judgement.standing is Standing.UNDECIDED, (member.path, value)
            assert judgement.verdict is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize(("name", "side"), EXAMPLES)
def test_an_emptied_list_leaves_no_pass(name: str, side: str, place_of: PlaceOf) -> None:
    """No `all()` over an empty list passes, but for checks that are about absence."""
    check, example = CATALOGUE.checks[name], FIXTURES[name][side]
    if name in EMPTY_MAY_PASS:
        return
    for member in check.reads:
        if member.kind == "list" and list(holders(example, member.path)):
            emptied = with_value(example, member.path, [])
            assert verdict_of(check, emptied, place_of) is not Verdict.COMPLIANT, member.path


@pytest.mark.parametrize(("name", "side"), EXAMPLES)
def test_a_join_that_is_a_gap_leaves_the_record_undecided(
    name: str, side: str, place_of: PlaceOf
) -> None:
    """A record of which one answer is unknown is undecided, with the gap's words."""
    check, example = CATALOGUE.checks[name], FIXTURES[name][side]
    for join in names_read(check).record - {"item", "fact", "row", "stmt", "event"}:
        key = {"metric": "GetMetricData", "policy": "GetBucketPolicy"}.get(join, join)
        changed = Fixture(
            r={k: v for k, v in example.r.items() if k != join}, acct=example.acct, p={}
        )
        place = place_of(check, changed, gaps={key: a_gap(key)})
        (judgement,) = judged(check, place, example)
        assert judgement.standing is Standing.UNDECIDED
        assert judgement.gap is not None
        assert f"{key} is unknown (denied): not allowed." in judgement.reason


@pytest.mark.parametrize(("name", "side"), EXAMPLES)
def test_an_account_operation_that_is_a_gap_leaves_it_undecided(
    name: str, side: str, place_of: PlaceOf
) -> None:
    """A check that reads an unknown answer of the account is undecided, whole or cut off."""
    check, example = CATALOGUE.checks[name], FIXTURES[name][side]
    for read in names_read(check).account:
        key = "GetMetricData" if read == "metric" else read
        for acct in (example.acct, {k: v for k, v in example.acct.items() if k != read}):
            changed = replace(example, acct=acct)
            place = place_of(check, changed, acct_gaps={key: (a_gap(key),)})
            (judgement,) = judged(check, place, example)
            assert judgement.standing is Standing.UNDECIDED
            assert judgement.gap is not None


def changed_set(example: Fixture, name: str) -> list[dict[str, Any]]:
    """Return the records of another set in an example."""
    return list(example.acct.get("set", {}).get(name, []))


@pytest.mark.parametrize(("name", "side"), EXAMPLES)
def test_another_set_that_is_cut_off_leaves_it_undecided(
    name: str, side: str, place_of: PlaceOf
) -> None:
    """A check that reads another set is undecided while that set may be incomplete."""
    check, example = CATALOGUE.checks[name], FIXTURES[name][side]
    for other in names_read(check).sets:
        for count in range(len(changed_set(example, other)) + 1):
            sets = {**example.acct.get("set", {}), other: changed_set(example, other)[:count]}
            changed = replace(example, acct={**example.acct, "set": sets})
            gaps = {other: (a_gap("ListThings", GapReason.THROTTLED),)}
            (judgement,) = judged(check, place_of(check, changed, set_gaps=gaps), example)
            assert judgement.standing is Standing.UNDECIDED


@pytest.mark.parametrize(("name", "side"), EXAMPLES)
def test_a_set_that_is_cut_off_says_so_besides_its_records(
    name: str, side: str, place_of: PlaceOf
) -> None:
    """An incomplete set gives an undecided judgement of its own, with or without records."""
    check, example = CATALOGUE.checks[name], FIXTURES[name][side]
    if check.resource_set == "account":
        return
    gaps = (a_gap("ListThings"),)
    place = place_of(check, example, set_gaps={check.resource_set: gaps})
    first, *others = judged(check, place, example)
    assert (first.standing, first.gap) == (Standing.UNDECIDED, gaps[0])
    assert len(others) == 1
    emptied = replace(place, sets={**place.sets, check.resource_set: RecordSet(gaps=gaps)})
    assert [j.standing for j in judged(check, emptied, example)] == [Standing.UNDECIDED]


@pytest.mark.parametrize(("name", "side"), EXAMPLES)
def test_a_metric_that_could_not_be_read_leaves_it_undecided(
    name: str, side: str, place_of: PlaceOf
) -> None:
    """PartialData or a failed query of one metric: whoever reads it has no verdict."""
    check, example = CATALOGUE.checks[name], FIXTURES[name][side]
    if "metric" not in names_read(check).record:
        return
    place = place_of(check, example)
    (record,) = place.sets[check.resource_set].records
    values = record.values["metric"]
    for lost in values:
        window = Metrics(
            values={k: v for k, v in values.items() if k != lost},
            gaps={lost: a_gap("GetMetricData", GapReason.MALFORMED)},
        )
        days = int(check.params.get("lookback_days", 30))
        scope = Metrics(values={"invocations": 1.0})
        changed = replace(record, windows={30: scope, days: window})
        sets = {**place.sets, check.resource_set: RecordSet(records=(changed,))}
        (judgement,) = judged(check, replace(place, sets=sets), example)
        assert judgement.standing is Standing.UNDECIDED


@pytest.mark.parametrize(("name", "side"), EXAMPLES)
def test_an_empty_place_never_passes(
    name: str, side: str, catalogue: Catalogue, place_of: PlaceOf
) -> None:
    """Where nothing at all was answered, nothing is COMPLIANT."""
    check = catalogue.checks[name]
    nothing = Fixture(r={}, acct={"fact": {"bedrockInUse": True}}, p={})
    (judgement,) = judged(check, place_of(check, nothing), FIXTURES[name][side])
    assert judgement.verdict is not Verdict.COMPLIANT
