"""What each check advises: there is some, and the operations it names are AWS's."""

import re

import botocore.session
import pytest

from affidavit import catalogue
from affidavit.model.catalogue import Check

_SERVICES = (
    *("s3", "s3control", "iam", "bedrock", "bedrock-agent", "bedrock-runtime", "backup"),
    *("cloudwatch", "logs", "cloudtrail", "config", "kms", "ec2"),
)
_NAMED = re.compile(
    r"\b(?:Put|Create|Update|Delete|Enable|Start|Stop|List|Get|Associate|Attach|Detach|Cancel|Tag)"
    r"[A-Z]\w+"
)
_PARAMETERS = {"EnableLogFileValidation"}
"""Members of requests that are named like operations."""


@pytest.fixture(scope="module")
def operations() -> set[str]:
    """Give the names of all operations of the services that advice may name."""
    session = botocore.session.get_session()
    models = (session.get_service_model(service) for service in _SERVICES)
    return {name for model in models for name in model.operation_names}


@pytest.mark.parametrize("check", catalogue.load().checks.values(), ids=lambda check: check.id)
def test_each_check_says_what_to_do(check: Check, operations: set[str]) -> None:
    """A check has a sentence of advice, and each operation in it exists."""
    assert check.remedy.endswith(".")
    assert set(_NAMED.findall(check.remedy)) <= operations | _PARAMETERS


def test_advice_names_parameters_of_its_check() -> None:
    """A parameter that advice speaks of is one that the check has."""
    for check in catalogue.load().checks.values():
        named = set(re.findall(r"\(parameter (\w+)\)", check.remedy))
        assert named <= set(check.params), check.id
