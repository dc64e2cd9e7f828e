"""Scans of invocation logs are judged by what was read: unread, unseen, unknown never pass."""

from typing import Any

import pytest
from tests.checks.records.conftest import NOW

from affidavit.checks.judge import judge
from affidavit.checks.rules import effective_parameters
from affidavit.model.observation import GapReason
from affidavit.model.verdict import Standing, Verdict

HOME = "us-east-1"
MODEL = "anthropic.claude-x"
LOG = {"loggingConfig": {"s3Config": {"bucketName": "logs", "keyPrefix": "p"}}}
DAY = "2026-03-14"
CHECKS = ("log-pii-free", "log-profanity-free", "traffic-guarded", "log-complete")


def body(**more: Any) -> dict[str, Any]:
    """Return a scan in which nothing is wrong."""
    model = {
        "modelId": MODEL, "records": 10, "errors": 0, "incomplete": 0, "unguarded": 0,
        "intervened": 0, "refused": 0, "profane": 0, "personal": [],
    }  # fmt: skip
    population = {
        "objects": 1, "compressedBytes": 9, "bytes": 99, "records": 10, "foreign": 0,
        "hours": [0] * 24, "hoursWithout": [],
    }  # fmt: skip
    kinds = ["AWS_SECRET_KEY", "CREDIT_DEBIT_CARD_NUMBER", "EMAIL", "PHONE"]
    return {
        "population": population,
        "models": [{**model, **more.pop("model", {})}],
        "guardUnknown": 0, "byHour": [], "groups": [], "counts": {}, "findings": [],
        "findingsInAll": 0, "unguardedBy": [], "unread": [], "unreadInAll": 0,
        "notLookedFor": ["NAME"], "calls": None, "log": {},
        "entityTypes": [*kinds, "INTERNATIONAL_BANK_ACCOUNT_NUMBER", "NAME"],
        **more,
    }  # fmt: skip


def scanned(
    account: Any, scan: dict[str, Any], invoked: float = 10.0, names: tuple[str, ...] = (MODEL,)
) -> Any:
    """Return the account with a log, its scan and what CloudWatch counted yesterday by name."""

    def metrics(unit: Any) -> dict[str, Any]:
        results = [
            {
                "Id": query["Id"],
                "Label": query["Label"],
                "StatusCode": "Complete",
                "Timestamps": [f"{DAY}T00:00:00Z", "2026-03-10T00:00:00Z"]
                * (MODEL in query["Label"]),
                "Values": [invoked, 70.0] if MODEL in query["Label"] else [],
            }
            for query in unit.parameters["MetricDataQueries"]
        ]
        return {"MetricDataResults": results, "Messages": []}

    listed = [
        {
            "MetricName": "Invocations",
            "Namespace": "AWS/Bedrock",
            "Dimensions": [{"Name": "ModelId", "Value": name}],
        }
        for name in names
    ]
    return (
        account.answers("GetModelInvocationLoggingConfiguration", LOG)
        .answers("ListMetrics", {"Metrics": listed})
        .answers("GetMetricData", metrics)
        .answers("ListEnforcedGuardrailsConfiguration", {"guardrailsConfig": []})
        .answers("FilterLogEvents", scan)
    )


def judged(account: Any, check: str, **own: Any) -> list[Any]:
    """Return the judgements of a check at home."""
    catalogue = account.catalogue
    rule = catalogue.checks[check]
    params = effective_parameters(rule, {}, own)
    return list(judge(catalogue, account.place(HOME), check, params, NOW))


@pytest.mark.parametrize("check", CHECKS)
def test_a_clean_whole_log_is_compliant(account: Any, check: str) -> None:
    """With everything read and nothing found, the model passes."""
    (found,) = judged(scanned(account, body()), check)
    assert found.verdict is Verdict.COMPLIANT
    assert found.inputs


@pytest.mark.parametrize(
    ("check", "model"),
    [
        ("log-pii-free", {"personal": [{"types": ["EMAIL", "NAME"], "records": 1}]}),
        ("log-profanity-free", {"profane": 1}),
        ("traffic-guarded", {"unguarded": 6}),
        ("log-complete", {"records": 5}),
    ],
)
@pytest.mark.parametrize("unread", [0, 3])
def test_what_is_wrong_fails_though_something_is_unread(
    account: Any, check: str, model: dict[str, Any], unread: int
) -> None:
    """A fault that was seen is not hidden by what was not; too few records then are undecided."""
    scan = body(model=model, unreadInAll=unread)
    (found,) = judged(scanned(account, scan), check)
    open_ = check == "log-complete" and unread
    assert found.verdict is (Verdict.NOT_APPLICABLE if open_ else Verdict.NON_COMPLIANT)


@pytest.mark.parametrize("check", ["log-pii-free", "log-profanity-free", "traffic-guarded"])
def test_nothing_found_in_what_was_read_is_undecided(account: Any, check: str) -> None:
    """One unread object is enough for no COMPLIANT."""
    (found,) = judged(scanned(account, body(unreadInAll=1)), check)
    assert (found.verdict, found.standing) == (Verdict.NOT_APPLICABLE, Standing.UNDECIDED)


@pytest.mark.parametrize("check", CHECKS)
def test_a_model_that_is_in_no_log_never_passes(account: Any, check: str) -> None:
    """CloudWatch counted calls of a model of which the log has none."""
    scan = body()
    scan["models"] = []
    (found,) = judged(scanned(account, scan), check)
    wanted = Verdict.NON_COMPLIANT if check == "log-complete" else Verdict.NOT_APPLICABLE
    assert found.verdict is wanted


@pytest.mark.parametrize("detectors", [[], ["NAME"], ["NO_SUCH_TYPE", "EMAIL"]])
def test_types_that_were_not_looked_for_are_undecided(account: Any, detectors: list[str]) -> None:
    """No detector, one that nothing here has, or an unknown one: nothing found proves nothing."""
    (found,) = judged(scanned(account, body()), "log-pii-free", detectors=detectors)
    assert found.standing is Standing.UNDECIDED


def test_only_the_checks_own_detectors_count(account: Any) -> None:
    """A type that the check does not name does not fail it."""
    scan = body(model={"personal": [{"types": ["PHONE"], "records": 4}]})
    (found,) = judged(scanned(account, scan), "log-pii-free", detectors=["EMAIL", "IBAN"])
    assert found.verdict is Verdict.COMPLIANT


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("reason", [GapReason.DENIED, GapReason.TIMED_OUT])
def test_a_log_that_could_not_be_read_leaves_it_open(
    account: Any, check: str, reason: GapReason
) -> None:
    """The gap of the log is the gap of the check: a log nobody read does not lack calls either."""
    refused = scanned(account, body()).refuses("FilterLogEvents", reason=reason)
    found = judged(refused, check)
    assert {one.standing for one in found} == {Standing.UNDECIDED}
    assert {one.gap.reason for one in found if one.gap} == {reason}
    (model,) = (one for one in found if one.arn)
    assert model.gap.reason is reason


@pytest.mark.parametrize("check", CHECKS)
def test_without_logging_invoked_models_leave_it_open(account: Any, check: str) -> None:
    """No log is configured, and a model was invoked."""
    silent = scanned(account, body()).answers("GetModelInvocationLoggingConfiguration", {})
    found = judged(silent, check)
    assert Verdict.COMPLIANT not in {one.verdict for one in found}
    assert GapReason.NOT_CONFIGURED in {one.gap.reason for one in found if one.gap}


def test_without_logging_no_call_is_in_a_log(account: Any) -> None:
    """Where logging is not configured, the log of a model that was invoked lacks every call."""
    silent = scanned(account, body()).answers("GetModelInvocationLoggingConfiguration", {})
    assert Verdict.NON_COMPLIANT in {one.verdict for one in judged(silent, "log-complete")}


@pytest.mark.parametrize("check", CHECKS)
def test_without_logging_an_unknown_count_leaves_it_open(account: Any, check: str) -> None:
    """CloudWatch lists a model and does not say how often it was invoked: there may be calls."""
    scanned(account, body()).answers("GetModelInvocationLoggingConfiguration", {})
    account.refuses("GetMetricData")
    assert {one.standing for one in judged(account, check)} == {Standing.UNDECIDED}


def test_the_group_is_asked_where_the_bucket_is_refused(account: Any) -> None:
    """Both hold the same records: the other one is asked, and judged."""
    both = {"loggingConfig": {**LOG["loggingConfig"], "cloudWatchConfig": {"logGroupName": "/g"}}}

    one = scanned(account, body()).answers("GetModelInvocationLoggingConfiguration", both)
    asked = [u.parameters["invocationLog"] for u in one.units(one.facts(), "FilterLogEvents")]
    assert asked == ["s3"]
    refused = one.refuses("FilterLogEvents")
    asked = [
        u.parameters["invocationLog"] for u in refused.units(refused.facts(), "FilterLogEvents")
    ]
    assert asked == ["s3", "cloudwatch"]


def test_errors_neither_guard_nor_complete(account: Any) -> None:
    """Refused calls in the log do not stand for calls that were answered."""
    scan = body(model={"records": 100, "errors": 96, "unguarded": 4})
    (found,) = judged(scanned(account, scan, invoked=100.0), "traffic-guarded")
    assert found.verdict is Verdict.NON_COMPLIANT
    (found,) = judged(scanned(account, scan, invoked=100.0), "log-complete")
    assert found.verdict is Verdict.NON_COMPLIANT


@pytest.mark.parametrize("name", [f"arn:aws:bedrock:us-east-1:1:inference-profile/{MODEL}", MODEL])
def test_the_log_and_cloudwatch_may_name_a_model_differently(account: Any, name: str) -> None:
    """An ARN in the log is the id in CloudWatch."""
    (found,) = judged(scanned(account, body(model={"modelId": name})), "log-complete")
    assert found.verdict is Verdict.COMPLIANT


def test_a_profile_in_the_log_is_its_model_where_cloudwatch_has_no_closer_name(
    account: Any,
) -> None:
    """`us.` before the id does not make the log incomplete."""
    scan = body(model={"modelId": f"us.{MODEL}"})
    (found,) = judged(scanned(account, scan), "log-complete")
    assert found.verdict is Verdict.COMPLIANT


@pytest.mark.parametrize("check", ["log-pii-free", "log-profanity-free", "traffic-guarded"])
@pytest.mark.parametrize(("invoked", "passes"), [(10.0, True), (11.0, False), (100.0, False)])
def test_a_log_of_some_of_the_calls_says_nothing_of_the_others(
    account: Any,
    check: str,
    invoked: float,
    passes: bool,
) -> None:
    """Clean records do not vouch for calls that are in no log."""
    (found,) = judged(scanned(account, body(), invoked=invoked), check)
    wanted = Verdict.COMPLIANT if passes else Verdict.NOT_APPLICABLE
    assert found.verdict is wanted


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("models", ["clean", "none"])
@pytest.mark.parametrize(("unlogged", "is_open"), [(0, False), (2, False), (3, True), (100, True)])
def test_calls_that_only_cloudtrail_knows_leave_it_open(
    account: Any, check: str, models: str, unlogged: int, is_open: bool
) -> None:
    """A clean log, or none and no call by CloudWatch, does not pass against CloudTrail's files."""
    calls = {"trail": "s3://t/", "calls": 100, "unlogged": unlogged}
    scan = body(calls=calls, **({} if models == "clean" else {"models": []}))
    found = judged(scanned(account, scan, invoked=10.0 * (models == "clean")), check)
    gaps = {one.gap.reason for one in found if one.gap}
    assert (GapReason.FAILED in gaps) is is_open
    assert (Verdict.COMPLIANT in {one.verdict for one in found}) is (models == "clean")


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("operation", ["GetMetricData", "ListMetrics"])
def test_without_cloudwatchs_count_clean_records_do_not_suffice(
    account: Any, check: str, operation: str
) -> None:
    """How many calls the log lacks is not known then: what was found fails, the rest is open."""
    blind = scanned(account, body()).refuses(operation)
    assert {one.verdict for one in judged(blind, check)} == {Verdict.NOT_APPLICABLE}
    leaky = body(model={"personal": [{"types": ["EMAIL"], "records": 1}]})
    found = judged(scanned(account, leaky).refuses(operation), "log-pii-free")
    assert Verdict.NON_COMPLIANT in {one.verdict for one in found}


@pytest.mark.parametrize("check", CHECKS)
def test_two_names_of_one_model_add_up(account: Any, check: str) -> None:
    """Calls that CloudWatch counts under another name of the log's model are not forgotten."""
    names = (f"eu.{MODEL}", f"us.{MODEL}")
    (found,) = judged(scanned(account, body(), names=names), check)
    assert found.verdict is not Verdict.COMPLIANT
