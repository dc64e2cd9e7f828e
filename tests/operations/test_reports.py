"""Reports from a real store, through operations and command line, verified."""

import importlib.util
import json
import sys
import zipfile
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

from affidavit import catalogue as catalogues
from affidavit.cli.report import command as report_command
from affidavit.cli.verify import command as verify_command
from affidavit.errors import ReportError, UsageError
from affidavit.model.run import Assessment
from affidavit.operations import manual_adding
from affidavit.operations.manual_adding import Wanted
from affidavit.operations.reports import (
    ReportRequest,
    build_report,
    find_assessment,
    verify_report,
)
from affidavit.operations.retention import expire
from affidavit.settings import Settings
from affidavit.store import open_store

DAYS = (date(2026, 1, 5), date(2026, 1, 7))


@dataclass(frozen=True)
class Made:
    """A store with two runs, and what the ledger in memory made them of."""

    settings: Settings
    assessment: Assessment


def worlds() -> ModuleType:
    """Return the little estates of the report tests, as a module."""
    path = Path(__file__).parents[1] / "report" / "conftest.py"
    spec = importlib.util.spec_from_file_location("report_worlds", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["report_worlds"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Commit two runs to a store, as the collector does."""
    home = tmp_path_factory.mktemp("home")
    settings = Settings(home=home / "data", keys=home / "keys")
    module = worlds()
    maker = module.Maker(catalogues.load(), synthetic=True)
    assessment = maker.assessment("Northwind Assistants", {})
    with open_store(settings) as store:
        store.create_assessment(assessment, by="arn:aws:iam::111122223333:user/owner")
        for day in DAYS:
            commit(store, maker, assessment, day)
    return Made(settings, assessment)


def commit(store: Any, maker: Any, assessment: Assessment, day: date) -> None:
    """Commit what the maker makes of a day."""
    before = len(maker.ledger.kept)
    record = maker.run(assessment, day)
    opened = store.begin_run(
        assessment, day, maker.catalogue.digest, datetime(day.year, day.month, day.day, tzinfo=UTC)
    )
    evidence = [replace(e, run_id=opened.run_id) for _, e in maker.ledger.kept[before:]]
    asked = [maker.ledger.results[digest] for digest in maker.ledger.asked[record.run_id]]
    store.put_results(opened.run_id, asked)
    store.keep_catalogue(assessment.tenant, maker.catalogue)
    writer = store.segment_writer(opened.run_id, assessment.tenant, assessment.id, day)
    writer.append(evidence)
    record = replace(
        record,
        run_id=opened.run_id,
        sequence=opened.sequence,
        previous=opened.previous,
    )
    store.commit_run(record, [writer.close()], store.keys.signer())


def test_report_of_a_real_store(made: Made, tmp_path: Path) -> None:
    """A report of a store verifies with the key file that comes with it, and not without."""
    report = build_report(
        made.settings, ReportRequest(assessment="Northwind Assistants", out=tmp_path)
    )
    assert report.built.runs == 2
    outcome = verify_report(report.path, str(report.key))
    assert outcome.verified, outcome.failure
    assert outcome.facts["days_without_run"] == ["2026-01-06"]
    assert not verify_report(report.path, "").verified
    with pytest.raises(UsageError, match="affidavit key show"):
        verify_report(report.path, "nonsense")
    with pytest.raises(UsageError, match="cannot be read"):
        verify_report(tmp_path / "absent.zip", str(report.key))


def test_an_earlier_report_stays(made: Made, tmp_path: Path) -> None:
    """In a folder a second report of the same day gets a name of its own; both verify."""
    request = ReportRequest(assessment="Northwind Assistants", out=tmp_path)
    first, second = (build_report(made.settings, request) for _ in range(2))
    assert second.path.name == f"{first.path.stem}-2.zip"
    for one in (first, second):
        assert verify_report(one.path, str(one.key)).verified


def test_judging_again_names_what_differs(made: Made, tmp_path: Path) -> None:
    """Evidence that does not follow from its observations is named when it is judged again."""
    request = ReportRequest(assessment=made.assessment.id[:13], out=tmp_path / "a.zip")
    report = build_report(made.settings, request)
    outcome = verify_report(report.path, str(report.key), again=True)
    assert outcome.failure is not None
    assert outcome.failure.step == "rejudge"
    assert "judging again gives" in outcome.failure.what


def test_unknown_assessment(made: Made, tmp_path: Path) -> None:
    """An unknown assessment is an error that says which there are."""
    with pytest.raises(ReportError, match="Northwind Assistants"):
        build_report(made.settings, ReportRequest(assessment="Contoso", out=tmp_path))
    with pytest.raises(ReportError, match="There is none yet"):
        find_assessment([], "x")
    twice = [made.assessment, replace(made.assessment, id="x" + made.assessment.id)]
    with pytest.raises(ReportError, match="more than one"):
        find_assessment(twice, made.assessment.id[-6:])


def test_command_line(made: Made, tmp_path: Path) -> None:
    """`report build` says how to verify, and `verify` exits with 0, 1 and 2 as it promises."""
    runner = CliRunner()
    options = ["build", "Northwind Assistants", "--to", "2026-01-05", "--out", str(tmp_path)]
    done = runner.invoke(report_command, options, obj=made.settings)
    assert done.exit_code == 0, done.output
    assert "Verify with: affidavit verify" in done.output
    done = runner.invoke(report_command, [*options, "--json"], obj=made.settings)
    said = json.loads(done.output)
    assert said["period"] == ["2026-01-05", "2026-01-05"]
    arguments = [said["report"], "--key", said["key"]]
    assert runner.invoke(verify_command, arguments).exit_code == 0
    assert runner.invoke(verify_command, [said["report"], "--json"]).exit_code == 1
    assert runner.invoke(verify_command, ["absent.zip"]).exit_code == 2


def test_key_rotated_before_the_report(made: Made, tmp_path: Path) -> None:
    """After a rotation an auditor's old key still verifies, by the statement in the ledger."""
    from affidavit.operations.keys import rotate

    first = build_report(
        made.settings, ReportRequest(assessment="Northwind Assistants", out=tmp_path / "1.zip")
    )
    rotate(made.settings, by="operator", reason="yearly")
    second = build_report(
        made.settings, ReportRequest(assessment="Northwind Assistants", out=tmp_path / "2.zip")
    )
    assert second.key != first.key
    outcome = verify_report(second.path, str(first.key), first.path)
    assert outcome.verified, outcome.failure
    assert "was rotated to it" in dict(outcome.steps)["manifest"]


def test_what_people_added_goes_along(made: Made, tmp_path: Path) -> None:
    """A text and a file that were added stand in the next report, with the file on request."""
    file = tmp_path / "register.csv"
    file.write_bytes(b"risk,owner\n")
    wanted = Wanted(
        assessment="Northwind Assistants", control="GENAI-RESP-02", files=[file], text="=Approved."
    )
    manual_adding.add(made.settings, wanted, "the auditor")

    options = ["build", "Northwind Assistants", "--out", str(tmp_path / "m.zip"), "--json"]
    runner = CliRunner()
    done = runner.invoke(report_command, [*options, "--attachments", "included"], obj=made.settings)
    assert done.exit_code == 0, done.output

    outcome = verify_report(tmp_path / "m.zip", json.loads(done.output)["key"])
    assert outcome.verified, outcome.failure
    said = dict(outcome.steps)["manual evidence"]
    assert said == "2 items, each as the ledger says; 1 file included"
    with zipfile.ZipFile(tmp_path / "m.zip") as archive:
        name = f"manual/{sha256(file.read_bytes()).hexdigest()}.csv"
        assert archive.read(name) == file.read_bytes()
        assert b"'=Approved." in archive.read("manual.csv")


def test_a_day_whose_evidence_expired(made: Made, tmp_path: Path) -> None:
    """After retention a report says which day's evidence was deleted, and verifies the other."""
    age = (datetime.now(UTC).date() - DAYS[1]).days
    expire(made.settings, made.assessment.tenant, made.assessment.id, days=age, by="the auditor")

    report = build_report(
        made.settings, ReportRequest(assessment="Northwind Assistants", out=tmp_path / "3.zip")
    )
    outcome = verify_report(report.path, str(report.key))

    assert outcome.verified, outcome.failure
    (gone,) = outcome.facts["deleted"]
    assert (gone["day"], gone["by"]) == (DAYS[0].isoformat(), "the auditor")
    assert gone["why"] == f"Retention of {age} days is over."
    assert sum(outcome.facts["evidence"].values()) > 0
