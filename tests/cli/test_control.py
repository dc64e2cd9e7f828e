"""`affidavit control`: rules and parameters of custom controls, without a server."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from affidavit import catalogue as catalogues
from affidavit.cli import main
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.dispatch import Dispatcher
from affidavit.settings import Settings
from affidavit.store import open_store

TENANT = "111122223333/eu-west-1"
RULE = """
about: bucket
compliant: has(r.GetBucketVersioning.Status) && r.GetBucketVersioning.Status == p.wanted
params: {wanted: Enabled}
words: Versions of objects are kept
severity: high
"""


@pytest.fixture
def control(installation: Settings) -> str:
    """Give an installation with a custom control of two sources; return the control's id."""
    sources = [
        {
            "sourceName": keyword,
            "sourceType": kind,
            "sourceSetUpOption": "System_Controls_Mapping",
            "sourceKeyword": {"keywordInputType": "SELECT_FROM_LIST", "keywordValue": keyword},
        }
        for kind, keyword in (
            ("AWS_API_Call", "s3_ListBuckets"),
            ("AWS_Config", "ACCESS_KEYS_ROTATED"),
        )
    ]
    with open_store(installation) as store:
        dispatch = Dispatcher(
            Context(store=store, catalogue=catalogues.load(), settings=installation)
        )
        admin = Caller.of_tenant(TENANT, "arn:aws:iam::111122223333:user/ada", "admin")
        dispatch("RegisterAccount", admin, {})
        owner = Caller.of_tenant(TENANT, "arn:aws:iam::111122223333:user/olga", "owner")
        request = {"name": "Own", "controlMappingSources": sources}
        return str(dispatch("CreateControl", owner, request)["control"]["id"])


def _run(*args: str) -> Result:
    return CliRunner().invoke(main, ["control", *args, "--tenant", TENANT])


def _shown(control: str) -> list[dict[str, object]]:
    said = _run("show", control, "--json")
    found: list[dict[str, object]] = json.loads(said.output)
    return found


def test_rules_and_parameters_are_set_shown_and_cleared(control: str, tmp_path: Path) -> None:
    """A source is named by its keyword or id; what is wrong is said, and nothing is changed."""
    (tmp_path / "rule.yaml").write_text(RULE)
    said = _run("rule", "set", control, "s3_ListBuckets", "rule.yaml")
    assert said.exit_code == 0, said.output
    assert "It reads GetBucketVersioning, ListBuckets" in said.output
    buckets, keys = _shown(control)
    assert buckets["rule"]["params"] == {"wanted": "Enabled"}  # type: ignore[index] # JSON
    assert "Versions of objects are kept" in _run("show", control).output
    name = ("parameters", "set", control, "ACCESS_KEYS_ROTATED")
    assert _run(*name, "max_key_age_days=30", "--why", "ours").exit_code == 0
    assert _shown(control)[1]["set"] == {"max_key_age_days": 30}
    wrong = _run(*name, "max_key_age_days=many", "--why", "ours")
    assert wrong.exit_code == 2
    assert "days" in wrong.output
    assert _run("parameters", "clear", control, str(keys["sourceId"])).exit_code == 0
    assert _run("rule", "clear", control, str(buckets["sourceId"])).exit_code == 0
    buckets, keys = _shown(control)
    assert (buckets["rule"], keys["set"]) == (None, {})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "no names with values"),
        ("about: bucket", "no rule"),
        (f"{RULE}\ngrave: low", "it names grave"),
        ("about: 1\ncompliant: 'true'", "about is no text"),
        ("a: &a [1]\nb: *a\n", "alias"),
        ("{", "cannot be read"),
        ("about: bucket\ncompliant: 'true'\nparams: {a: .inf}", "params"),
    ],
)
def test_a_file_that_holds_no_rule_is_refused(
    control: str, tmp_path: Path, text: str, words: str
) -> None:
    """With the reason, as a usage error."""
    (tmp_path / "rule.yaml").write_text(text)
    said = _run("rule", "set", control, "s3_ListBuckets", "rule.yaml")
    assert said.exit_code == 2
    assert words in said.output
    missing = _run("rule", "clear", control, "nothing")
    assert "no source nothing" in missing.output
