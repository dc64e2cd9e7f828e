"""`affidavit find` and `affidavit period` as a user meets them: words, JSON, exit codes."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.finder.conftest import FEW, OF_A_DAY, Estates
from tests.samples import TENANT

from affidavit.cli import main
from affidavit.finder.fields import FIELDS
from affidavit.store import Chosen

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "finder.md"


def _call(estates: Estates, *arguments: str) -> Result:
    """Run the command on the store."""
    environment = {
        "AFFIDAVIT_HOME": str(estates.settings.home),
        "AFFIDAVIT_KEYS": str(estates.settings.keys),
        "COLUMNS": "100",
    }
    return CliRunner().invoke(main, arguments, env=environment)


def test_rows_pages_groups_and_counts(fresh: Estates) -> None:
    """JSON answers join: pages by cursor, groups and counts over the same rows."""
    every = ("find", "--tenant", TENANT, "--assessment", "Production", "--json")
    first = json.loads(_call(fresh, *every, "--limit", "50").stdout)
    second = json.loads(_call(fresh, *every, "--limit", "50", "--cursor", first["cursor"]).stdout)
    ids = {row["id"] for row in first["rows"] + second["rows"]}
    assert len(ids) == FEW * OF_A_DAY
    assert second["cursor"] == ""
    groups = json.loads(_call(fresh, *every, "--group-by", "control.domain,compliance").stdout)
    assert sum(group["count"] for group in groups["groups"]) == FEW * OF_A_DAY
    assert json.loads(_call(fresh, *every, "--count").stdout)["count"] == FEW * OF_A_DAY


def test_a_table_for_people(fresh: Estates) -> None:
    """Without --json there is a table, and the cursor to go on with."""
    done = _call(fresh, "find", "control = C01", "--tenant", TENANT, "--limit", "3")
    assert done.exit_code == 0
    assert "Non-compliant" in done.stdout
    assert "More: --cursor " in done.stdout
    assert "Nothing was found." in _call(fresh, "find", "control = C99", "--tenant", TENANT).stdout


def test_a_wrong_query_is_pointed_at(fresh: Estates) -> None:
    """The exit code is 2, and standard error shows the place and the nearest name."""
    done = _call(fresh, "find", "region = x and contrl = C01", "--tenant", TENANT)
    assert done.exit_code == 2
    assert "column 16" in done.stderr
    assert "Did you mean control?" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("find",),
        ("find", "--tenant", TENANT, "--count", "--group-by", "control"),
        ("find", "--tenant", TENANT, "--csv", "a", "--jsonl", "b"),
        ("find", "--tenant", TENANT, "--group-by", "time"),
        ("find", "--tenant", TENANT, "--sort", "text"),
        ("find", "--tenant", "999999999999/us-east-1"),
        ("period", "Test", "--from", "2026-10-02", "--to", "2026-10-01"),
    ],
)
def test_a_wrong_call_is_refused(fresh: Estates, arguments: tuple[str, ...]) -> None:
    """What cannot be meant ends with exit code 2, and writes nothing."""
    assert _call(fresh, *arguments).exit_code == 2


def test_what_is_missing_ends_with_1(fresh: Estates) -> None:
    """A damaged segment is named on standard error, the rest is shown, the exit code is 1."""
    files = fresh.store.segment_files(Chosen(tenant=TENANT, assessments=(fresh.mine.id,)))
    files[0].path.write_bytes(b"x")
    done = _call(fresh, "find", "--tenant", TENANT, "--assessment", "Production", "--count")
    assert (done.exit_code, done.stdout) == (1, f"{(FEW - 1) * OF_A_DAY}\n")
    assert f"{OF_A_DAY} rows of {files[0].day}" in done.stderr
    for file in files[1:]:
        file.path.write_bytes(b"x")
    none = _call(fresh, "find", "--tenant", TENANT, "--assessment", "Production")
    assert (none.exit_code, none.stdout) == (1, "Nothing was found in what can be read.\n")


def test_a_sample_can_be_drawn_again(fresh: Estates) -> None:
    """The same seed draws the same rows, and the answer tells the population and the leaf."""
    call = ("find", "--tenant", TENANT, "--sample", "5", "--seed", "s", "--by", "me", "--json")
    first, second = (json.loads(_call(fresh, *call).stdout) for _ in range(2))
    assert first["rows"] == second["rows"]
    assert first["population"] == second["population"] == 2 * FEW * OF_A_DAY
    assert second["leaf"] == first["leaf"] + 1


def test_exports_and_period_write_files(fresh: Estates, tmp_path: Path) -> None:
    """Each writes what it says, in the place that was given."""
    path = tmp_path / "o.csv"
    done = _call(fresh, "find", "--tenant", TENANT, "--csv", str(path), "--json")
    assert json.loads(done.stdout)["rows"] == 2 * FEW * OF_A_DAY
    assert path.exists()
    call = ("period", fresh.mine.id, "--from", "2026-10-01", "--to", "2026-10-05")
    shown = _call(fresh, *call)
    assert "5 days, 2 of them without a run." in shown.stdout
    told = json.loads(_call(fresh, *call, "--json").stdout)
    assert len(told["controls"]) == 4
    table, chart = tmp_path / "p", tmp_path / "q"
    written = _call(fresh, *call, "--csv", str(table), "--svg", str(chart))
    assert (written.exit_code, written.stdout) == (0, f"Written: {table}, {chart}\n")
    assert chart.read_text(encoding="utf-8").startswith("<svg")


def test_the_reference_lists_every_field() -> None:
    """docs/reference/finder.md has a line for each field of the language."""
    text = PAGE.read_text(encoding="utf-8")
    assert [
        one.name for one in FIELDS.values() if f"| `{one.name}` | {one.words} |" not in text
    ] == []
