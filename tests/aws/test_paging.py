"""Pages: as large as the API allows, unless the question says how large."""

import json
from typing import Any

from affidavit.aws.door import Door
from affidavit.aws.models import paging
from affidavit.model.observation import Observation

RULE = {"ConfigRuleName": "r"}


def test_pages_are_as_large_as_the_model_allows(
    nasty: Any, door: Door, asked: Any, reply: Any
) -> None:
    """Every page of a question is asked with the largest size; the question stays what it was."""
    nasty.replies(
        reply({"EvaluationResults": [], "NextToken": "n"}), reply({"EvaluationResults": []})
    )
    a = asked("config", "GetComplianceDetailsByConfigRule", **RULE)
    result = door.call(a.operation, a.unit)
    assert isinstance(result, Observation)
    assert result.unit.parameters == RULE
    assert [json.loads(request.body) for request in nasty.requests] == [
        {**RULE, "Limit": 100},
        {**RULE, "Limit": 100, "NextToken": "n"},
    ]


def test_the_questions_own_bound_holds(nasty: Any, door: Door, asked: Any, reply: Any) -> None:
    """A question that bounds its pages is asked with its own bound."""
    nasty.replies(reply({"EvaluationResults": []}))
    a = asked("config", "GetComplianceDetailsByConfigRule", **RULE, Limit=7)
    assert isinstance(door.call(a.operation, a.unit), Observation)
    assert json.loads(nasty.requests[0].body) == {**RULE, "Limit": 7}


def test_no_bound_where_the_model_names_none() -> None:
    """Where the model has no largest page, none is made up."""
    metrics, regions = paging("cloudwatch", "GetMetricData"), paging("ec2", "DescribeVpcEndpoints")
    assert metrics is not None
    assert regions is not None
    assert (metrics.most, regions.most) == (0, 0)
