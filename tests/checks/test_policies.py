"""Policies are normalised so that no spelling hides a wide permission."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.checks.policies import (
    PolicyError,
    action_pattern,
    allows_service,
    statements,
)


def one(**members: Any) -> dict[str, Any]:
    """Return the only statement of a policy, normalised."""
    (statement,) = statements({"Statement": {"Effect": "Allow", "Action": "*", **members}})
    return statement


def test_single_values_become_lists() -> None:
    """A text where a list may stand is a list of one; a missing Condition is an empty map."""
    assert one(Action="s3:GetObject", Resource="*") == {
        "Effect": "Allow",
        "Principal": [],
        "Action": ["s3:GetObject"],
        "Resource": ["*"],
        "Condition": {},
    }


@pytest.mark.parametrize("form", ["plain", "encoded", "object"])
def test_text_and_object_mean_the_same(form: str) -> None:
    """JSON text, URL-encoded text and botocore's decoded object give the same statements."""
    policy = {"Statement": [{"Effect": "Deny", "Action": ["s3:*"], "Resource": "*"}]}
    text = json.dumps(policy)
    given_as: Any = {"plain": text, "encoded": quote(text), "object": policy}[form]
    assert statements(given_as)[0]["Action"] == ["s3:*"]


def test_not_members_are_wide_in_an_allow() -> None:
    """An Allow of all but something counts as an Allow of all."""
    (allow,) = statements(
        {
            "Statement": {
                "Effect": "Allow",
                "NotAction": "iam:*",
                "NotResource": "x",
                "NotPrincipal": {"AWS": "y"},
            }
        }
    )
    assert (allow["Action"], allow["Resource"], allow["Principal"]) == (["*"], ["*"], ["*"])


def test_not_members_are_nothing_in_a_deny() -> None:
    """A Deny of all but something is never taken for a Deny of all: that would pass wrongly."""
    (deny,) = statements(
        {
            "Statement": {
                "Effect": "Deny",
                "NotAction": "s3:GetObject",
                "NotResource": "x",
                "NotPrincipal": {"AWS": "y"},
            }
        }
    )
    assert (deny["Action"], deny["Resource"], deny["Principal"]) == ([], [], [])


@pytest.mark.parametrize(
    ("principal", "effect", "expected"),
    [
        ("*", "Allow", ["*"]),
        ({"AWS": "*"}, "Deny", ["*"]),
        ({"AWS": ["arn:a", "arn:b"]}, "Allow", ["arn:a", "arn:b"]),
        ({"Service": "logs.amazonaws.com"}, "Allow", ["logs.amazonaws.com"]),
        ({"Federated": "*"}, "Allow", ["*"]),
        ({"Service": "*"}, "Deny", ["Service:*"]),
    ],
)
def test_principals(principal: Any, effect: str, expected: list[str]) -> None:
    """AWS loses its key; only AWS `*` is everybody in a Deny."""
    assert one(Principal=principal, Effect=effect)["Principal"] == expected


def test_conditions_are_lists_of_text_with_known_keys_in_one_spelling() -> None:
    """IAM does not tell cases of condition keys apart, and JSON's false is the text false."""
    condition = {"Bool": {"AWS:securetransport": False}, "NumericLessThan": {"s3:max-keys": 5}}
    assert one(Condition=condition)["Condition"] == {
        "Bool": {"aws:SecureTransport": ["false"]},
        "NumericLessThan": {"s3:max-keys": ["5"]},
    }


@pytest.mark.parametrize(
    "spelling",
    [
        "BEDROCK:*",
        "Bedrock:InvokeModel",
        "bedrock:invokemodel",
        "bedrock:Invoke*",
        "bedrock:**",
        "bedrock:?nvokeModel",
        "bedrock:*Model",
        "*:InvokeModel",
        "*:*",
        "**",
        "*",
    ],
)
def test_no_spelling_hides_the_right_to_invoke(spelling: str) -> None:
    """Whatever matches bedrock:InvokeModel names it, or is the plain wildcard."""
    assert {"bedrock:InvokeModel", "*"} & set(one(Action=spelling)["Action"])


@pytest.mark.parametrize("action", ["s3:GetObject", "bedrock:GetGuardrail", "bedrock:InvokeAgent"])
def test_narrow_actions_stay_alone(action: str) -> None:
    """An action that does not invoke a model gets no company."""
    assert one(Action=action)["Action"] == [action]


def test_services_that_a_policy_allows() -> None:
    """Any Allow of a bedrock action counts, a Deny does not, another service does not."""
    assert allows_service(statements({"Statement": one(Action="bedrock-agent:Get*")}), "bedrock")
    assert allows_service(statements({"Statement": one(Action="*")}), "bedrock")
    assert allows_service(statements({"Statement": one(Action="bed*:Get*")}), "bedrock")
    assert not allows_service(statements({"Statement": one(Action="s3:*")}), "bedrock")
    deny = one(Action="bedrock:*", Effect="Deny")
    assert not allows_service(statements({"Statement": deny}), "bedrock")


@pytest.mark.parametrize(
    "document",
    [
        "",
        "{",
        "[]",
        None,
        5,
        {},
        {"Statement": "x"},
        {"Statement": ["x"]},
        {"Statement": {"Effect": "allow", "Action": "*"}},
        {"Statement": {"Effect": "Allow"}},
        {"Statement": {"Effect": "Allow", "Action": [{}]}},
        {"Statement": {"Effect": "Allow", "Action": "*", "Condition": "x"}},
        {"Statement": {"Effect": "Allow", "Action": "*", "Condition": {"Bool": "x"}}},
    ],
)
def test_what_is_no_policy_is_refused(document: Any) -> None:
    """From a document that cannot be read nothing may be concluded."""
    with pytest.raises(PolicyError):
        statements(document)


@given(st.text(alphabet="bedrockBEDROCK:*?InvokeModelxs3", max_size=30))
def test_normalising_twice_changes_nothing(action: str) -> None:
    """A normalised action is its own normal form, and one action stays one text."""
    plain = action_pattern(action)
    assert action_pattern(plain) == plain
    assert "**" not in plain
