"""Metric sums: asked once per lookback, known only when CloudWatch says Complete."""

import json
from dataclasses import replace
from typing import Any

import pytest

from affidavit.checks.places import Place, Record
from affidavit.checks.windows import windows
from affidavit.model.observation import GapReason

HOME = "us-east-1"


def seen(
    place: Place, account: Any, check_id: str, **parameters: Any
) -> tuple[Place, list[Record]]:
    """Return the place and its records as a check sees them."""
    check = account.catalogue.checks[check_id]
    found = place.seen_by(check, {**check.params, **parameters})
    return found, list(found.sets[check.resource_set].records)


def test_windows_of_the_catalogue(catalogue: Any) -> None:
    """Each lookback asks just what its checks read; a user's lookback replaces the default."""
    needed = windows(catalogue, {})
    assert sorted(needed) == [7, 13, 14]
    assert needed[7].of_account == {"logFailures", "logDeliveries"}
    assert needed[14].of_provisioned == {"invocations"}
    assert needed[13].of_models >= {"invocations", "inputTokens", "legacyInvocations"}
    longer = windows(catalogue, {"model-approved": {"lookback_days": 60}})
    assert longer[60].of_models == {"invocations"}


def test_one_question_for_all_lookbacks(account: Any) -> None:
    """All models and metrics are one question, as far back as the longest lookback goes."""
    facts = account.facts()
    (asked,) = (result.unit.parameters for result in facts.results("GetMetricData", HOME))
    assert asked["StartTime"] == "2026-03-01T00:00:00Z"
    assert asked["EndTime"] == "2026-03-16T00:00:00Z"
    series = [json.dumps(query["MetricStat"]) for query in asked["MetricDataQueries"]]
    assert len(series) == len(set(series))
    identifiers = [query["Id"] for query in asked["MetricDataQueries"]]
    assert len(identifiers) == len(set(identifiers))


def test_each_window_adds_up_its_own_days(account: Any, metric_sums: Any) -> None:
    """A lookback of 7 days counts today and 7 days before it, of the 13 that stand there."""
    account.answers("GetMetricData", metric_sums({"Invocations": [1.0] * 14}))
    place = account.place()
    _, (short,) = seen(place, account, "model-throttling")
    assert short.values["metric"]["invocations"] == 8.0
    _, (longer,) = seen(place, account, "tokens-per-call")
    assert longer.values["metric"]["invocations"] == 14.0


def test_values_without_their_times_are_unknown(account: Any, metric_sums: Any) -> None:
    """A value of which nobody says the day belongs to no window: a gap, not 0.0."""
    whole = metric_sums({"Invocations": [5.0, 4.0]})

    def undated(unit: Any) -> Any:
        results = whole(unit)["MetricDataResults"]
        return {"MetricDataResults": [{**r, "Timestamps": r["Timestamps"][:1]} for r in results]}

    account.answers("GetMetricData", undated)
    _, (record,) = seen(account.place(), account, "model-throttling")
    assert "GetMetricData" in record.gaps


def test_many_models_are_split_at_five_hundred_queries(account: Any, metric_sums: Any) -> None:
    """A call takes 500 queries; no model is lost."""
    metric = {"Namespace": "AWS/Bedrock", "MetricName": "Invocations"}
    listed = [
        {**metric, "Dimensions": [{"Name": "ModelId", "Value": f"amazon.m{number}"}]}
        for number in range(300)
    ]
    account.answers("ListMetrics", {"Metrics": listed})
    account.answers("GetMetricData", metric_sums({"Invocations": [1.0]}))
    facts = account.facts()
    sizes = [
        len(r.unit.parameters["MetricDataQueries"]) for r in facts.results("GetMetricData", HOME)
    ]
    assert max(sizes) == 500
    _, records = seen(account.records(facts).places[0], account, "model-throttling")
    assert len(records) == 300
    assert {record.values["metric"]["invocations"] for record in records} == {1.0}


def test_sums_and_zeros(account: Any) -> None:
    """Values are added up; Complete without data points is 0.0."""
    place, (record,) = seen(account.place(), account, "tokens-per-call")
    assert record.values["metric"] == {
        "invocations": 42.0,
        "inputTokens": 9.0,
        "outputTokens": 0.0,
        "legacyInvocations": 0.0,
    }
    assert not record.gaps
    place, _ = seen(account.place(), account, "logging-delivers")
    assert place.acct["metric"] == {"logFailures": 0.0, "logDeliveries": 0.0}
    assert len(place.acct_inputs["GetMetricData"]) == 6


def test_before_a_check_looks_no_record_has_metrics(account: Any) -> None:
    """Sums belong to a lookback: without a check there is none."""
    (record,) = account.place().sets["model_in_use"].records
    assert "metric" not in record.values


def test_models_without_invocations_are_not_in_use(account: Any, metric_sums: Any) -> None:
    """A model that CloudWatch lists but that was not invoked in the window is no record."""
    account.answers("GetMetricData", metric_sums({}))
    _, records = seen(account.place(), account, "model-approved")
    assert not records


@pytest.mark.parametrize("status", ["PartialData", "InternalError", "Forbidden", ""])
def test_incomplete_sums_are_unknown(account: Any, metric_sums: Any, status: str) -> None:
    """Anything but Complete is a gap, never a sum and never 0.0; the model stays in the set."""
    account.answers("GetMetricData", metric_sums({"Invocations": [5.0]}, status))
    place, (record,) = seen(account.place(), account, "model-throttling")
    assert record.gaps["GetMetricData"].reason is GapReason.MALFORMED
    assert record.values["metric"] == {}
    place, _ = seen(account.place(), account, "logging-delivers")
    assert place.acct_gaps["GetMetricData"]
    assert place.acct["metric"] == {}


def test_a_sum_without_label_or_result_is_unknown(account: Any, metric_sums: Any) -> None:
    """What the answer does not speak of is not zero."""
    whole = metric_sums({})

    def without_label(unit: Any) -> Any:
        body = whole(unit)
        return {"MetricDataResults": [{**r, "Label": ""} for r in body["MetricDataResults"]]}

    answers: list[Any] = [without_label, lambda _: {"MetricDataResults": []}]
    for answer in answers:
        account.answers("GetMetricData", answer)
        _, (record,) = seen(account.place(), account, "model-throttling")
        assert "GetMetricData" in record.gaps


def test_a_message_of_the_whole_answer_makes_it_unknown(account: Any, metric_sums: Any) -> None:
    """CloudWatch's own complaint about the question spoils all of its sums."""
    whole = metric_sums({"Invocations": [5.0]})
    account.answers(
        "GetMetricData",
        lambda unit: {**whole(unit), "Messages": [{"Code": "MaxMetricsExceeded", "Value": "x"}]},
    )
    _, (record,) = seen(account.place(), account, "model-throttling")
    assert "GetMetricData" in record.gaps


def test_pages_of_one_query_are_added_up(account: Any, metric_sums: Any) -> None:
    """The same query on several pages is one sum; PartialData on any page spoils it."""
    whole = metric_sums({"Invocations": [5.0]})

    def in_pages(*codes: str) -> Any:
        def answer(unit: Any) -> Any:
            results = whole(unit)["MetricDataResults"]
            pages = [[{**r, "StatusCode": code} for r in results] for code in codes]
            return {"MetricDataResults": [result for page in pages for result in page]}

        return answer

    account.answers("GetMetricData", in_pages("Complete", "Complete"))
    _, (record,) = seen(account.place(), account, "model-throttling")
    assert record.values["metric"]["invocations"] == 10.0
    for codes in (("PartialData", "Complete"), ("Complete", "InternalError"), ("Forbidden",)):
        account.answers("GetMetricData", in_pages(*codes))
        _, (record,) = seen(account.place(), account, "model-throttling")
        assert "GetMetricData" in record.gaps, codes


def test_a_message_beside_a_sum_makes_it_unknown(account: Any, metric_sums: Any) -> None:
    """CloudWatch's complaint about one query spoils its sum, though it says Complete."""
    whole = metric_sums({"Invocations": [5.0]})
    message = {"Code": "ArithmeticError", "Value": "x"}
    account.answers(
        "GetMetricData",
        lambda unit: {
            "MetricDataResults": [
                {**r, "Messages": [message]} for r in whole(unit)["MetricDataResults"]
            ]
        },
    )
    _, (record,) = seen(account.place(), account, "model-throttling")
    assert "GetMetricData" in record.gaps


@pytest.mark.parametrize("key", ["ListMetrics", "GetMetricData"])
def test_refused_metrics_are_unknown(account: Any, key: str) -> None:
    """Without the metrics nothing is known: a gap, with its reason."""
    account.refuses(key)
    place, _ = seen(account.place(), account, "logging-delivers")
    assert place.acct_gaps["GetMetricData"]
    _, records = seen(account.place(), account, "provisioned-utilised")
    assert all("GetMetricData" in record.gaps for record in records)
    assert records


def test_only_unknown_metrics_that_a_check_reads_count(account: Any, metric_sums: Any) -> None:
    """A lost sum of tokens does not keep the invocations from being judged."""
    whole = metric_sums({"Invocations": [5.0]})

    def tokens_lost(unit: Any) -> Any:
        results = whole(unit)["MetricDataResults"]
        return {"MetricDataResults": [r for r in results if "Token" not in r["Label"]]}

    account.answers("GetMetricData", tokens_lost)
    place = account.place()
    assert seen(place, account, "tokens-per-call")[1][0].gaps
    assert not seen(place, account, "model-throttling")[1][0].gaps


def test_a_provisioned_throughput_is_summed_under_its_own_name(
    account: Any, metric_sums: Any
) -> None:
    """A throughput is asked by the name that CloudWatch lists for it, else by its ARN."""
    arn = "arn:aws:bedrock:us-east-1:111122223333:provisioned-model/prov12345678"
    facts = account.facts()
    dimensions = [
        dimension["Value"]
        for result in facts.results("GetMetricData", HOME)
        for query in result.unit.parameters["MetricDataQueries"]
        for dimension in query["MetricStat"]["Metric"].get("Dimensions", ())
    ]
    assert arn in dimensions
    _, (record,) = seen(account.records(facts).places[0], account, "provisioned-utilised")
    assert record.values["metric"] == {"invocations": 42.0}
    metric = {"Namespace": "AWS/Bedrock", "MetricName": "Invocations"}
    listed = [
        {**metric, "Dimensions": [{"Name": "ModelId", "Value": "provisioned-model/prov12345678"}]}
    ]
    account.answers("ListMetrics", {"Metrics": listed})
    account.answers("GetMetricData", metric_sums({"Invocations": [3.0]}))
    _, (record,) = seen(account.place(), account, "provisioned-utilised")
    assert record.values["metric"] == {"invocations": 3.0}


def test_a_users_longer_lookback_widens_the_scope(account: Any) -> None:
    """A model counts as in use within a check's own lookback where that is longer.

    But models that CloudWatch lists no more cannot be seen: then the set says that it is open.
    """
    account.params = {"model-approved": {"lookback_days": 60}}
    place = account.place()
    whole, _ = seen(place, account, "model-approved", lookback_days=13)
    assert not whole.sets["model_in_use"].gaps
    found, (record,) = seen(place, account, "model-approved", lookback_days=60)
    (gap,) = found.sets["model_in_use"].gaps
    assert "two weeks" in gap.message
    assert record.values["metric"] == {"invocations": 42.0}
    assert replace(record, values={}).arn == record.arn
