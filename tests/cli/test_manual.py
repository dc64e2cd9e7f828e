"""`affidavit manual`: a person's part of a control, added without a server."""

import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.samples import ASSESSMENT

from affidavit import catalogue as catalogues
from affidavit.cli import main
from affidavit.collector.manual import states
from affidavit.model.identifiers import new_id
from affidavit.model.times import utc_now
from affidavit.settings import Settings
from affidavit.store import open_store

CONTROL = "GENAI-RESP-02"
Run = Callable[..., Result]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Give a store with one assessment of the command line."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AFFIDAVIT_KEYS", str(tmp_path / "keys"))
    found = Settings(home=tmp_path / "affidavit-data", keys=tmp_path / "keys")
    with open_store(found) as store:
        made = replace(ASSESSMENT, id=new_id(utc_now()), created_at=utc_now())
        store.create_assessment(made, "test")
    return found


@pytest.fixture
def run(settings: Settings) -> Run:
    """Give a function that calls `affidavit manual` on the store."""
    assert settings.home.exists()
    return lambda *given: CliRunner().invoke(main, ["manual", *given])


def test_files_and_text_are_present_at_the_next_run(
    run: Run, settings: Settings, tmp_path: Path
) -> None:
    """What was added is kept and listed with its digest, and the manual part is present."""
    file = tmp_path / "register.csv"
    file.write_bytes(b"risk,owner\n")
    result = run("add", "Northwind", CONTROL.lower(), "--file", str(file), "--text", "Approved.")
    assert result.exit_code == 0, result.output
    found = json.loads(run("list", "Northwind", "--json").output)
    file_digest = sha256(b"risk,owner\n").hexdigest()
    assert {one["sha256"] for one in found} == {file_digest, sha256(b"Approved.").hexdigest()}
    with open_store(settings) as store:
        (assessment,) = store.assessments()
        said = states(store, catalogues.load().framework, assessment, utc_now())
        assert said[CONTROL] == "present"
        assert set(said.values()) == {"present", "missing"}
        assert b"".join(store.attachments.parts(assessment.tenant, file_digest)) == b"risk,owner\n"
    assert "register.csv" in run("list", "Northwind").output


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("Northwind", CONTROL), "nothing to add"),
        (("Northwind", "GENAI-RESP-99", "--text", "x"), "has no control GENAI-RESP-99"),
        (("Elsewhere", CONTROL, "--text", "x"), "There is no assessment 'Elsewhere'"),
        (("Northwind", CONTROL, "--text", "x" * 1001), "1000 characters at most"),
        (("Northwind", CONTROL, "--file", "empty.txt"), "empty.txt is empty"),
        (("Northwind", CONTROL, "--file", "tool.exe"), "Its name must end in one of"),
        (("Northwind", CONTROL, "--file", "gone.txt"), "does not exist"),
    ],
)
def test_what_cannot_be_added_says_why(
    run: Run, tmp_path: Path, given: tuple[str, ...], words: str
) -> None:
    """A wrong call ends with a reason, and nothing is added."""
    (tmp_path / "empty.txt").touch()
    (tmp_path / "tool.exe").write_bytes(b"MZ")
    result = run("add", *given)
    assert result.exit_code != 0
    assert words in " ".join(result.output.split())
    assert json.loads(run("list", "Northwind", "--json").output) == []
