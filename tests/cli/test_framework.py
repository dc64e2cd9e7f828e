"""`affidavit framework` and `affidavit policy` as a person types them."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from affidavit.cli import INTERRUPTED, main
from affidavit.cli.framework import command as framework
from affidavit.cli.policy import command as policy
from affidavit.operations import frameworks


def run(group: object, *arguments: str, columns: int = 80) -> str:
    """Return what a command prints at a width; it must succeed."""
    environment = {"COLUMNS": str(columns), "TERM": "dumb"}
    result = CliRunner().invoke(group, arguments, env=environment)  # type: ignore[arg-type]
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("columns", [80, 120])
def test_list_and_show_fit_the_terminal(columns: int) -> None:
    """No line is wider than the terminal, and no text is cut off."""
    for arguments in (("list",), ("show", "genai-v1")):
        output = run(framework, *arguments, columns=columns)
        assert max(len(line) for line in output.splitlines()) <= columns
        assert "…" not in output
        assert "genai-v1" in output


def test_show_names_every_control_check_and_parameter() -> None:
    """What can be set is found here."""
    output = run(framework, "show", "genai-v1", columns=120)
    assert output.count("GENAI-") >= 52
    assert "approved_models = []" in output
    assert 'tag_keys = ["Owner"]' in output


def test_list_and_show_as_json() -> None:
    """Readers speak JSON to machines."""
    (one,) = json.loads(run(framework, "list", "--json"))
    assert one["controls"] == 52
    assert len(json.loads(run(framework, "show", "genai-v1", "--json"))["operations"]) == 61


def test_export_in_both_formats() -> None:
    """YAML by default, JSON on demand."""
    as_yaml = yaml.safe_load(run(framework, "export", "genai-v1"))
    as_json = json.loads(run(framework, "export", "genai-v1", "--format", "json"))
    assert as_yaml == as_json


def test_export_of_the_config_rules(tmp_path: Path) -> None:
    """The mapping goes to a file, with the line ends of RFC 4180, or to standard output."""
    target = tmp_path / "rules.csv"
    said = run(framework, "export", "genai-v1", "--config-rules-csv", str(target))
    assert "34 rows written" in said
    text = target.read_bytes()
    assert text.count(b"\r\n") == 35
    shown = run(framework, "export", "genai-v1", "--config-rules-csv", "-")
    assert shown.splitlines() == text.decode().splitlines()


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """An error in words, not a trace."""
    target = tmp_path / "missing" / "rules.csv"
    result = CliRunner().invoke(
        framework, ["export", "genai-v1", "--config-rules-csv", str(target)]
    )
    assert "cannot be written" in str(result.exception)


def test_the_policy_is_printed_as_json() -> None:
    """It can be attached as it is."""
    document = json.loads(run(policy))
    assert document["Version"] == "2012-10-17"


def test_the_template_is_printed_as_yaml_or_json() -> None:
    """CloudFormation reads both."""
    as_yaml = yaml.safe_load(run(policy, "--cloudformation", "--role-name", "Reader"))
    as_json = json.loads(run(policy, "--cloudformation", "--role-name", "Reader", "--json"))
    assert as_yaml == as_json
    assert as_yaml["Parameters"]["RoleName"]["Default"] == "Reader"


def test_ctrl_c_is_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that is interrupted ends with an exit code of its own, and without a traceback."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(frameworks, "list_frameworks", interrupted)
    result = CliRunner().invoke(main, ["framework", "list"])
    assert (result.exit_code, result.output) == (INTERRUPTED, "Interrupted.\n")
