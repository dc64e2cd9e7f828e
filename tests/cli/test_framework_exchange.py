"""`affidavit framework export` and `import`: a custom framework as a file, and back."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from affidavit import catalogue as catalogues
from affidavit.cli import main
from affidavit.operations import source_rules, standard
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.dispatch import Dispatcher
from affidavit.operations.mapping_sources import PARAMETERS, RULE
from affidavit.settings import Settings
from affidavit.store import open_store

HERE, THERE = "111122223333/eu-west-1", "444455556666/us-east-1"
RULE_TEXTS = {
    "set": "dynamodb_ListTables",
    "compliant": "r.item.startsWith(p.prefix)",
    "words": "Tables have names of ours",
    "severity": "high",
}
KEYWORDS = (("AWS_API_Call", "dynamodb_ListTables"), ("AWS_Config", "ACCESS_KEYS_ROTATED"))


@pytest.fixture
def framework(installation: Settings) -> str:
    """Give an installation with a framework of all kinds of controls; return its id."""
    with open_store(installation) as store:
        context = Context(store=store, catalogue=catalogues.load(), settings=installation)
        return _made(context, Dispatcher(context))


def _made(context: Context, dispatch: Dispatcher) -> str:
    dispatch(
        "RegisterAccount", Caller.of_tenant(HERE, "arn:aws:iam::111122223333:user/a", "admin"), {}
    )
    olga = Caller.of_tenant(HERE, "arn:aws:iam::111122223333:user/olga", "owner")
    sources: list[dict[str, Any]] = [
        {
            "sourceName": keyword,
            "sourceType": kind,
            "sourceKeyword": {"keywordInputType": "SELECT_FROM_LIST", "keywordValue": keyword},
        }
        for kind, keyword in KEYWORDS
    ]
    sources.append({"sourceName": "Minutes", "sourceType": "MANUAL", "sourceDescription": "Of us"})
    sources[-1]["sourceKeyword"] = {"keywordInputType": "INPUT_TEXT"}
    request: dict[str, Any] = {"name": "Own", "description": "Ours", "testingInformation": "Look"}
    request |= {"controlMappingSources": sources, "tags": {"Team": "audit"}}
    own = dispatch("CreateControl", olga, request)["control"]
    first, second, _ = (one["sourceId"] for one in own["controlMappingSources"])
    rule = source_rules.rule_of(RULE_TEXTS)
    source_rules.set_rule(context, olga, (own["id"], first), rule, '{"prefix": "x"}')
    source_rules.set_parameters(context, olga, (own["id"], second), {"max_key_age_days": 30}, "us")
    shipped = next(context.catalogue.framework.controls()).uuid
    core = standard.core_id(next(iter(context.catalogue.checks)))
    refs = [[own["id"], shipped], [core, own["id"]]]
    sets = [
        {"name": f"Set {n}", "controls": [{"id": one} for one in held]}
        for n, held in enumerate(refs, 1)
    ]
    request = {"name": "All of it", "complianceType": "Ours", "controlSets": sets}
    request["tags"] = {"Year": "2026"}
    return str(dispatch("CreateAssessmentFramework", olga, request)["framework"]["id"])


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["framework", *arguments])


def _import(path: str) -> Result:
    return _run("import", path, "--tenant", THERE, "--by", "ada")


def test_what_was_exported_comes_back_equal(framework: str, tmp_path: Path) -> None:
    """Another tenant has the same framework, with rules and parameters, and has it only once."""
    said = _run("export", framework, "--tenant", HERE)
    assert said.exit_code == 0, said.output
    (tmp_path / "f.yaml").write_text(said.output)
    done = _import("f.yaml")
    assert done.exit_code == 0, done.output
    assert "made" in done.output
    again = _import("f.yaml")
    assert (again.exit_code, "was here" in again.output) == (0, True)
    settings = Settings(home=tmp_path / "home", keys=tmp_path / "keys")
    with open_store(settings) as store:
        (copy,) = store.documents.every(THERE, "framework")
        (ours,) = store.documents.every(HERE, "control")
        (theirs,) = store.documents.every(THERE, "control")
    kept = [
        [(one.get(RULE), one.get(PARAMETERS)) for one in control.body["controlMappingSources"]]
        for control in (ours, theirs)
    ]
    assert kept[0] == kept[1]
    assert kept[0][0][0]["params"] == {"prefix": "x"}
    assert kept[0][1][1] == {"max_key_age_days": 30}
    back = _run("export", copy.id, "--tenant", THERE, "--format", "json")
    first, second = yaml.safe_load(said.output), json.loads(back.output)
    assert first.pop("from") != second.pop("from")
    assert first == second
    assert len(first["controls"]) == 1
    assert [len(one["controls"]) for one in first["controlSets"]] == [2, 2]
    assert _run("export", "genai-v1", "--tenant", THERE).exit_code == 2
    rows = _run("export", copy.id, "--tenant", THERE, "--config-rules-csv", "-").output
    assert "ACCESS_KEYS_ROTATED" in rows


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("form: affidavit-framework/1", "form: other", 2, "holds no framework"),
        ("from: arn:aws:", "from: arn of ", 2, "where it is from"),
        ("name: All of it", "nom: All of it", 2, "It names nom"),
        ("name: All of it", "name: 2026-99-99", 2, "cannot be read"),
        ("name: All of it", "name: !!timestamp x", 2, "cannot be read"),
        ("name: All of it", 'name: All of it\n"\\e[2Jx": 1', 2, "It names \\x1b[2Jx"),
        ("from: arn:", f"from: arn:{'a' * 300}:", 2, "does not say where"),
        ("  parameters:", "  params:", 2, "It names params"),
        ("custom: 1", "custom: 1\n    id: x", 2, "It names id"),
        ("r.item.startsWith", "r.item.Name.startsWith", 2, "no answer has"),
        ("max_key_age_days", "max_key_age_hours", 2, "no parameter"),
        ("custom: 1", "custom: 2", 2, "no control 2"),
        ("custom: 1", "id: 00000000-0000-0000-0000-000000000000", 1, "nonexistent"),
        ("keywordValue: dynamodb_ListTables", "keywordValue: dynamodb_ListT", 1, "keywordValue"),
        ("controlSets:", "controlSets: 1\nx:", 2, "names x"),
        ("Team: audit", "'aws:Team': audit", 1, "tags"),
    ],
)
def test_a_file_that_does_not_hold_makes_nothing(
    framework: str, tmp_path: Path, old: str, new: str, code: int, words: str
) -> None:
    """It is refused with the reason, and not a control of it is here."""
    text = _run("export", framework, "--tenant", HERE).output
    assert old in text
    (tmp_path / "f.yaml").write_text(text.replace(old, new))
    done = _import("f.yaml")
    assert (done.exit_code, words in done.output) == (code, True), done.output
    with open_store(Settings(home=tmp_path / "home", keys=tmp_path / "keys")) as store:
        assert [*store.documents.every(THERE, "control")] == []
        assert [*store.documents.every(THERE, "framework")] == []
