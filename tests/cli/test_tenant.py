"""`affidavit tenant` as an administrator types it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from affidavit.cli.tenant import command
from affidavit.errors import UsageError
from affidavit.settings import Settings

TENANT = "111122223333/eu-central-1"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings of an empty home."""
    return Settings(home=tmp_path / "home", keys=tmp_path / "keys")


def invoke(settings: Settings, *arguments: str) -> Result:
    """Return what a command did."""
    return CliRunner().invoke(command, arguments, obj=settings)


def run(settings: Settings, *arguments: str) -> str:
    """Return what a command prints; it must succeed."""
    result = invoke(settings, *arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_nothing_is_made_to_list_nothing(settings: Settings) -> None:
    """Before the first binding the list is empty, and no state is made."""
    assert "nothing is collected" in run(settings, "list")
    assert json.loads(run(settings, "list", "--json")) == []
    assert not settings.home.exists()


def test_from_binding_to_unbinding(settings: Settings) -> None:
    """What is bound is shown, with the external id for the trust policy; then taken back."""
    given = ["--account", "111122223333", "--account", "222233334444", "--role-name", "audit/R"]
    given += ["--session-tag", "team=audit", "--evidence-bucket", "north-in"]
    given += ["--report-bucket", "north-out=222233334444", "--report-bucket", "north-in"]
    given += ["--topic", "arn:aws:sns:eu-west-1:222233334444:t", "--organization-id"]
    given += ["o-a1b2c3d4e5", "--event-bus", "arn:aws:events:eu-west-1:111122223333:event-bus/b"]
    given += ["--queue", "arn:aws:sqs:eu-west-1:111122223333:q"]
    shown = run(settings, "bind", TENANT, *given)
    assert all(one in shown for one in given if one.startswith("arn:"))
    bound = json.loads(run(settings, "show", TENANT, "--json"))
    assert bound["externalId"] in shown
    assert bound["accounts"]["222233334444"] == {
        "roleArn": "arn:aws:iam::222233334444:role/audit/R",
        "ambient": False,
        "sessionTags": {"team": "audit"},
    }
    assert bound["buckets"] == {
        "north-in": {"accountId": "111122223333", "uses": ["evidence", "reports"]},
        "north-out": {"accountId": "222233334444", "uses": ["reports"]},
    }
    assert run(settings, "show", TENANT) == shown
    assert TENANT in run(settings, "list")
    left = run(settings, "unbind", TENANT, "--account", "222233334444", "--event-bus")
    assert "222233334444" not in left
    assert "event-bus" not in left
    assert "no longer bound" in run(settings, "unbind", TENANT)
    assert json.loads(run(settings, "list", "--json")) == []


def test_a_single_tenant_binds_itself(settings: Settings) -> None:
    """--ambient binds the account as the server itself; there is no role to trust anybody."""
    shown = run(settings, "bind", "111122223333", "--ambient")
    assert "as the server itself" in shown
    assert "trust policy" not in shown
    (one,) = json.loads(run(settings, "list", "--json"))
    assert one["accounts"]["111122223333"]["ambient"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("bind", TENANT, "--account", "222233334444"),
        ("bind", TENANT, "--session-tag", "team"),
        ("bind", "northwind", "--ambient"),
        ("bind", TENANT, "--report-bucket", "north-out"),
        ("show", TENANT),
        ("unbind", TENANT),
    ],
)
def test_wrong_calls_are_refused(settings: Settings, arguments: tuple[str, ...]) -> None:
    """A half option, a name that is none, a bucket that no role enters, what is not bound."""
    run(settings, "bind", "999988887777", "--ambient")
    result = invoke(settings, *arguments)
    assert isinstance(result.exception, UsageError)
