"""Scans that go on: killed anywhere and started again, each object counts once."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.operations.test_scans import LINE

from affidavit.cli import main
from affidavit.logscan import engine
from affidavit.logscan.journal import Journal
from affidavit.operations import scans

KEY = b"0123456789abcdef"


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Return a folder of 120 logs with one disclosure each."""
    folder = tmp_path / "logs"
    folder.mkdir()
    for number in range(120):
        (folder / f"{number:03}.json").write_bytes(LINE + b"\n")
    (tmp_path / "key").write_bytes(KEY)
    return folder


def command(logs: Path, *more: str) -> list[str]:
    """Return a scan as a person types it."""
    key = ["--key-file", str(logs.parent / "key"), "--journal", str(logs.parent / "journal")]
    return ["scan", "invocations", str(logs), "--kind", "pii", "--json", *key, *more]


def scanned(logs: Path, *more: str) -> list[dict[str, Any]]:
    """Scan to the end; return the findings, with which the totals agree."""
    result = CliRunner().invoke(main, command(logs, *more))
    assert result.exit_code == 1, result.output
    *rows, totals = [json.loads(line) for line in result.stdout.splitlines()]
    assert sum(totals["findings"].values()) == len(rows)
    assert sum(one["calls"] for one in totals["models"].values()) == totals["records"]
    return rows


@pytest.mark.slow
def test_a_scan_goes_on_where_it_was_killed(logs: Path) -> None:
    """Killed at any moment, and at last let through: every object is there, and once."""
    drawn = random.Random(6)  # noqa: S311 - repeatable moments
    expected = scanned(logs)
    (logs.parent / "journal").unlink()
    for _ in range(8):
        with subprocess.Popen(
            [sys.executable, "-m", "affidavit", *command(logs)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            until = time.monotonic() + 60
            journal = logs.parent / "journal"
            wanted = (journal.stat().st_size if journal.exists() else 0) + drawn.randrange(9000)
            while process.poll() is None and time.monotonic() < until:
                if journal.exists() and journal.stat().st_size > wanted:
                    os.kill(process.pid, signal.SIGKILL)
                time.sleep(0.001)
    assert scanned(logs) == expected
    assert len({finding["objectUri"] for finding in expected}) == len(expected) == 120


def test_a_torn_journal_goes_on(logs: Path) -> None:
    """Cut anywhere after its first line, the journal goes on from the last whole entry."""
    expected = scanned(logs)
    journal = logs.parent / "journal"
    whole = journal.read_bytes()
    for cut in (whole.index(b"\n") + 1, len(whole) // 2, len(whole) - 1, 0, 5):
        journal.write_bytes(whole[:cut])
        assert scanned(logs) == expected
        assert journal.read_bytes() == whole


def test_known_objects_are_not_read_again(logs: Path) -> None:
    """What stands in the journal is taken from it, but for an object that has changed."""
    expected = scanned(logs)
    changed = logs / "007.json"
    changed.write_bytes(LINE + b"\n" + LINE + b"\n")
    look = scans.invocation_settings(kinds=["pii"], key_file=logs.parent / "key")
    with Journal(logs.parent / "journal", look) as journal:
        objects = list(scans.listed_files(str(logs)))
        assert [one.uri for one in objects if not journal.knows(one)] == [str(changed)]
        known, lines = journal.again(objects[3])
        assert known.totals.records == 1
        assert [json.loads(line) for line in lines] == [expected[3]]
    assert len(scanned(logs)) == len(expected) + 1


def test_unreadable_objects_are_tried_again(tmp_path: Path) -> None:
    """Of what could not be read nothing is written down."""
    look = scans.invocation_settings(kinds=["pii"], key_file=None)
    gone = engine.Listed(uri=str(tmp_path / "gone"), size=3)
    result = engine.Result(number=0, scanned=engine.unread(gone.uri, "it is gone"))
    with Journal(tmp_path / "journal", look) as journal:
        assert list(journal.add(gone, result)) == []
        assert not journal.knows(gone)


def test_another_scan_is_refused(logs: Path) -> None:
    """The journal of other options, of another key, or of something else is not touched."""
    scanned(logs)
    journal = logs.parent / "journal"
    before = journal.read_bytes()
    for more in (["--type", "EMAIL"], ["--allow-number", "4155550132"]):
        result = CliRunner().invoke(main, command(logs, *more))
        assert result.exit_code == 2
        assert "journal of another scan" in result.output
    (logs.parent / "key").write_bytes(KEY[::-1])
    assert CliRunner().invoke(main, command(logs)).exit_code == 2
    assert journal.read_bytes() == before
    journal.write_bytes(b"notes")
    assert "is no journal" in CliRunner().invoke(main, command(logs)).output
    assert journal.read_bytes() == b"notes"
    keyless = ["scan", "invocations", str(logs), "--journal", str(journal)]
    assert "needs the key" in CliRunner().invoke(main, keyless).output
