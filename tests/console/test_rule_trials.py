"""A rule is tried in a process of its own: what it says is what the judge says; attacks are ended.

The simulated estate is collected once for the module.
"""

import json
import threading
from typing import Any

import pytest

from affidavit import catalogue as catalogues
from affidavit.checks import own_rules
from affidavit.checks.facts import Facts
from affidavit.checks.judge import judge
from affidavit.checks.records import build
from affidavit.errors import UsageError
from affidavit.model.framework import Rule
from affidavit.model.times import parse
from affidavit.operations import rule_trials, source_rules
from affidavit.operations.caller import Caller
from affidavit.operations.faults import AccessDeniedFault, NotFoundFault, ThrottlingFault

PATH = "/console/controls/try"
EUROPEAN = 'r.item.Name.startsWith("northwind-eu")'
TENANT = "111122223333/us-east-1"


@pytest.fixture(scope="module")
def estate(make_installation: Any) -> Any:
    """Return an installation with the simulated estate's evidence, that tests only read."""
    return make_installation.demo()


@pytest.fixture(scope="module")
def facts(estate: Any) -> tuple[Any, list[Facts]]:
    """Return the run's record, and what its accounts answered."""
    store, assessment = estate.store, estate.assessment
    day = store.last_day(assessment.id)
    (record,) = [record for _leaf, record in store.run_records(TENANT, day, day)]
    found = {one: Facts(one, tuple(record["regions"])) for one in record["accounts"]}
    for result in store.results(record["run_id"]):
        found[result.unit.account_id].add(result)
    return record, list(found.values())


def _caller(role: Any = "owner", account: str = "111122223333", user: str = "olga") -> Caller:
    return Caller(
        account_id=account,
        region="us-east-1",
        principal_arn=f"arn:aws:iam::{account}:user/{user}",
        role=role,
        request_id="test",
    )


def _try(estate: Any, compliant: str, **given: str) -> rule_trials.Trial:
    texts = {"set": "bucket", "compliant": compliant, **given}
    return rule_trials.attempt(
        estate.context,
        _caller(),
        estate.assessment.id,
        source_rules.rule_of(texts),
        given.get("params", ""),
    )


@pytest.mark.slow
def test_every_check_as_a_trial_says_what_the_judge_says(estate: Any, facts: Any) -> None:
    """Each rule of the catalogue, tried, gives the verdict of the collection for every record."""
    record, accounts = facts
    catalogue, now = estate.context.catalogue, parse(record["started_at"])
    own = json.loads(record["parameters"])
    places = [(one, build(catalogue, one, now, own).places) for one in accounts]
    seen = 0
    for check in catalogue.checks.values():
        params = {**check.params, **own.get(check.id, {})}
        params.pop("extra_buckets", None)
        rule = Rule(
            resource_set=check.resource_set,
            compliant=check.compliant,
            applies=check.applies,
            inconclusive=check.inconclusive,
            params=params,
        )
        made = own_rules.check_of(own_rules.derived(catalogue, rule), "trial")
        said = [
            (account, j.region, j.arn, j.verdict, j.standing)
            for account, j in own_rules.judged(catalogue, made, accounts, now, own)
            if j.arn
        ]
        wanted = [
            (one.account_id, j.region, j.arn, j.verdict, j.standing)
            for one, built in places
            for place in built
            for j in judge(catalogue, place, check.id, params, now)
            if j.arn
        ]
        assert said == wanted, check.id
        seen += len(said)
    assert seen > 300


def test_the_page_says_how_many_and_which(estate: Any) -> None:
    """How many would be compliant, each that fails with its reason; what is wrong with the rule."""
    olga = estate.client("olga")
    form = {"assessment": estate.assessment.id, "set": "bucket", "compliant": EUROPEAN}
    page = olga.post(PATH, data=form)
    assert page.status_code == 200
    found = _try(estate, EUROPEAN)
    assert 0 < found.compliant < found.all
    assert f"would be COMPLIANT for {found.compliant} of {found.all}" in page.text
    assert found.fails == len(found.failing) > 0
    for row in found.failing:
        assert row.arn in page.text
        assert row.reason.startswith("Expected")
    assert "SYNTHETIC" in page.text
    # How deep is too deep for the parser, or only unfinished, differs between Pythons.
    deep = ("[" * 3000, "The parameters are n")
    for params, words in (("[1]", "no JSON object"), ("{", "no JSON"), deep):
        wrong = olga.post(PATH, data={**form, "params": params})
        assert wrong.status_code == 422
        assert words in wrong.text
        assert "northwind-eu" in wrong.text
    begun = olga.get(f"{PATH}?check=bucket-tls").text
    assert "aws:SecureTransport" in begun


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"compliant": "r.GetBucketVersioning.Status =="}, "does not compile"),
        ({"compliant": 'r.GetBucketVersionin.Status == "x"'}, "which no answer has"),
        ({"compliant": "r.GetBucketVersioning.Status == p.wanted"}, "has no value"),
        ({"compliant": "true", "set": "nothing"}, "no kind of record"),
        ({"compliant": ""}, "no rule"),
        ({"compliant": "t" * 5000}, "too long"),
    ],
)
def test_what_is_no_rule_is_refused(given: dict[str, str], words: str) -> None:
    """A rule that cannot be used is refused with the reason, before any record is looked at."""
    with pytest.raises(UsageError, match=words):
        own_rules.derived(catalogues.load(), source_rules.rule_of({"set": "bucket", **given}))


@pytest.mark.slow
def test_what_a_rule_cannot_tell_is_not_compliant(estate: Any) -> None:
    """A result that is no truth, a division by zero: undecided, never compliant."""
    for text in ("size(r.item.Name)", "1 / (size(r.item.Name) * 0) == 1"):
        found = _try(estate, text)
        assert found.compliant == 0
        assert found.undecided == found.all > 0


_TEN = "[1,2,3,4,5,6,7,8,9,10]"
_QUICK = ("comprehensions", "nesting")
ATTACKS = {
    "comprehensions": _TEN
    + "".join(f".exists(v{n}, {_TEN}" for n in range(14))
    + ".exists(z, z == 0)"
    + ")" * 14,
    "memory": f"size({_TEN}"
    + "".join(f".map(v{n}, {_TEN}" for n in range(9))
    + f".map(z, '{'y' * 99}')"
    + ")" * 9
    + ") == 0",
    "nesting": "(" * 1990 + "true" + ")" * 1990,
    "negations": "!" * 3990 + "true",
    "lists": "size(" + "[" * 1900 + "]" * 1900 + ") == 1",
    "patterns": f"'{'a' * 3000}'.matches('(a+)+{'(a|a)*' * 20}b$')",
    "doubling": f"['{'x' * 200}']"
    + "".join(f".map(v{n}, v{n} + v{n})" for n in range(60))
    + ".exists(s, s == '')",
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(one, marks=[] if one in _QUICK else pytest.mark.slow) for one in ATTACKS],
)
def test_attacks_end_and_decide_nothing(estate: Any, name: str) -> None:
    """An expression made to cost is stopped or refused: inconclusive, and the server answers on."""
    olga, arthur = estate.client("olga"), estate.client("arthur")
    text = ATTACKS[name]
    assert len(text) <= source_rules.MAX_TEXT
    form = {"assessment": estate.assessment.id, "set": "bucket", "compliant": text}
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(olga.post(PATH, data=form)))
    thread.start()
    while thread.is_alive():
        assert arthur.get("/console/frameworks").status_code == 200
        thread.join(0.3)
    (page,) = answers
    assert page.status_code in (200, 422)
    assert "would be COMPLIANT for 0 of" in page.text or "would be COMPLIANT" not in page.text
    if name in ("comprehensions", "memory", "doubling"):
        assert "too costly" in page.text
    assert olga.post(PATH, data={**form, "compliant": EUROPEAN}).status_code == 200


@pytest.mark.slow
def test_one_rule_is_tried_at_a_time(estate: Any) -> None:
    """A second trial has to wait: trials cannot take all of the server's processors."""
    with rule_trials._turn, pytest.raises(ThrottlingFault):
        _try(estate, "true")
    assert _try(estate, "true").fails == 0


@pytest.mark.slow
def test_only_over_ones_own_records(estate: Any) -> None:
    """Neither another persona nor another tenant, nor whoever the assessment is not of, tries."""
    rule = source_rules.rule_of({"set": "bucket", "compliant": "true"})
    for caller, fault in (
        (_caller("auditor"), AccessDeniedFault),
        (_caller("delegate"), AccessDeniedFault),
        (_caller("admin"), AccessDeniedFault),
        (_caller("owner", "444455556666"), AccessDeniedFault),
    ):
        with pytest.raises(fault):
            rule_trials.attempt(estate.context, caller, estate.assessment.id, rule)
    with pytest.raises(NotFoundFault):
        rule_trials.attempt(estate.context, _caller(), "nothing", rule)
