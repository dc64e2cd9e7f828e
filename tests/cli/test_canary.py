"""Canaries, watches and rules of alerts from the command line."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from affidavit.cli.alert import command as alert
from affidavit.cli.canary import command as canary
from affidavit.cli.prompts import command as prompts
from affidavit.operations import alert_channels
from affidavit.settings import Settings
from affidavit.store import open_store

TENANT = "111122223333/us-east-1"
WATCH = ("--tenant", TENANT, "--account", "111122223333", "--region", "us-east-1")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return an installation of its own."""
    return Settings(home=tmp_path / "home", keys=tmp_path / "keys")


def done(settings: Settings, command: object, *words: str) -> Result:
    """Run a command that must succeed."""
    result = CliRunner().invoke(command, words, obj=settings)  # type: ignore[arg-type]  # a group
    assert result.exit_code == 0, result.output
    return result


def test_a_canary_is_paused_and_resumed(settings: Settings) -> None:
    """The list tells that it rests; its budget is kept as it was given."""
    limits = ("--month-tokens", "9000", "--budget-cost", "0.5", "--price-input", "1")
    add = ("add", "refusal", "--model", "m", "--every", "1h", "--tenant", TENANT, *limits)
    assert "needs prices" in str(CliRunner().invoke(canary, add, obj=settings).exception)
    done(settings, canary, *add, "--price-output", "2")
    (kept,) = json.loads(done(settings, canary, "list", "--json").output)
    assert kept["budget"]["month_tokens"] == "9000"
    assert kept["budget"]["run_cost"] == "0.5"
    done(settings, canary, "pause", "refusal")
    assert "paused" in done(settings, canary, "list").output
    done(settings, canary, "resume", "refusal", "--tenant", TENANT)
    assert "next 20" in done(settings, canary, "list").output
    assert "no run yet" in done(settings, canary, "runs", "refusal").output
    for order in ("pause", "runs"):
        unknown = CliRunner().invoke(canary, [order, "other"], obj=settings)
        assert "There is no canary" in str(unknown.exception)


def test_a_canary_is_changed(settings: Settings) -> None:
    """What is named changes, the rest stays; a budget in money still needs prices."""
    add = ("add", "refusal", "--model", "m", "--every", "1h", "--tenant", TENANT)
    done(settings, canary, *add, "--month-tokens", "9000", "--budget-tokens", "500")
    done(settings, canary, "change", "refusal", "--budget-tokens", "700", "--least-rate", "0.5")
    (kept,) = json.loads(done(settings, canary, "list", "--json").output)
    assert kept["budget"] == {"month_tokens": "9000", "run_tokens": "700"}
    assert (kept["everySeconds"], kept["leastRatePpm"]) == (3600, 500_000)
    money = ("change", "refusal", "--month-cost", "3")
    assert "needs prices" in str(CliRunner().invoke(canary, money, obj=settings).exception)
    done(settings, canary, "change", "refusal", "--no-budget", "--every", "2d")
    (kept,) = json.loads(done(settings, canary, "list", "--json").output)
    assert (kept["budget"], kept["everySeconds"]) == ({}, 172_800)


def test_a_suite_of_ones_own_is_brought_for_a_canary(settings: Settings, tmp_path: Path) -> None:
    """Each file is a version; a canary asks the newest, and keeps the suite from being removed."""
    file, tenant = tmp_path / "mine.csv", ("--tenant", TENANT)
    with open_store(settings):
        pass
    file.write_text("prompt,referenceResponse\nIs it one?,yes\n")
    add = ("suite", "add", str(file), *tenant, "--by", "kim")
    assert "mine version 1: 1 cases" in done(settings, prompts, *add).output
    file.write_text("prompt,referenceResponse\nIs it one?,yes\nIs it two?,no\n")
    assert "mine version 2: 2 cases" in done(settings, prompts, *add).output
    (kept,) = json.loads(done(settings, prompts, "suite", "list", *tenant, "--json").output)
    assert (kept["number"], kept["addedBy"]) == (2, "arn:aws:iam::111122223333:user/kim")
    done(settings, canary, "add", "mine", "--model", "m", "--every", "1h", *tenant)
    remove = ("suite", "remove", "mine", *tenant)
    assert "used by canaries" in str(CliRunner().invoke(prompts, remove, obj=settings).exception)
    done(settings, canary, "remove", "mine")
    done(settings, prompts, *remove)
    assert "no suite of its own" in done(settings, prompts, "suite", "list", *tenant).output
    file.rename(tmp_path / "refusal.csv")
    refused = ("suite", "add", str(tmp_path / "refusal.csv"), *tenant)
    assert "cannot be called" in str(CliRunner().invoke(prompts, refused, obj=settings).exception)


def test_a_watch_is_paused_and_resumed(settings: Settings) -> None:
    """It keeps its place meanwhile; one that is not there is refused."""
    done(settings, alert, "watch", "add", *WATCH)
    done(settings, alert, "watch", "pause", *WATCH)
    assert done(settings, alert, "watch", "list").output.strip().endswith("paused")
    done(settings, alert, "watch", "resume", *WATCH)
    assert "paused" not in done(settings, alert, "watch", "list").output
    elsewhere = [*WATCH[:-1], "eu-west-1"]
    unknown = CliRunner().invoke(alert, ["watch", "pause", *elsewhere], obj=settings)
    assert "is not watched" in str(unknown.exception)


def test_rules_choose_channels_of_a_kind(settings: Settings) -> None:
    """All go through all until one chooses; an unknown channel is refused."""
    topic = "arn:aws:sns:us-east-1:111122223333:desk"
    made = alert_channels.Channel(tenant=TENANT, name="desk", kind="sns", target=topic)
    with open_store(settings) as store:
        alert_channels.add(store, made, by="test")
    rule = ("rule", "set", "canary", "--tenant", TENANT)
    done(settings, alert, *rule, "--channel", "desk")
    chosen = json.loads(done(settings, alert, "rule", "list", TENANT, "--json").output)
    assert chosen["canary"] == ["desk"]
    assert chosen["scan"] == []
    wrong = CliRunner().invoke(alert, [*rule, "--channel", "none"], obj=settings)
    assert "no such channel" in str(wrong.exception)
    done(settings, alert, *rule)
    assert done(settings, alert, "rule", "list", TENANT).output.count("all channels") == len(chosen)
