"""The simulated estate starts quickly, says why when it does not, and ends with its parent."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from affidavit import demo
from affidavit.demo import Fault, Simulated
from affidavit.errors import EmulatorError

TINY = """
name: Tiny
role: {name: Reader, external_id: tiny}
organization: {id: o-tiny, email_domain: tiny.example}
regions: {enabled: [us-east-1], not_enabled: []}
parameters: {}
foundation_models: []
accounts:
  - {id: "999900001111", name: tiny, root: {mfa: true}, regions: {us-east-1: {}}}
"""


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def _gone_within(pid: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while _alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    return not _alive(pid)


@pytest.mark.parametrize(("left", "waits"), [(31, 0), (30, 30), (1, 1)])
def test_no_estate_is_of_a_day_that_ends_before_its_run_begins(left: int, waits: int) -> None:
    """In a year's last seconds its time is that of the next day, which is waited for."""
    times = [datetime(2027, 1, 1, tzinfo=UTC) - timedelta(seconds=left)]
    began = times[0]

    def sleep(seconds: float) -> None:
        times.append(times[-1] + timedelta(seconds=seconds))

    assert demo.moment(lambda: times[-1], sleep) == began + timedelta(seconds=waits)


def test_it_is_gone_after_the_context() -> None:
    """Whoever starts it is told where it is, and its process ends with the context."""
    with demo.start() as running:
        assert running.endpoint_url.startswith("http://127.0.0.1:")
        assert running.accounts == ("111122223333", "444455556666")
        assert running.regions == ("us-east-1", "eu-central-1")
        assert _alive(running.pid)
    assert _gone_within(running.pid, 60)


def test_it_ends_when_its_parent_is_killed() -> None:
    """A parent that dies without leaving the context takes the estate with it."""
    program = (
        "import time; from affidavit import demo\n"
        "with demo.start() as running:\n"
        "    print(running.pid, flush=True); time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert _alive(pid)
        parent.kill()
    assert _gone_within(pid, 60)


def test_two_starts_with_one_seed_agree() -> None:
    """The same seed makes the same keys; another seed makes others."""
    with demo.start(seed=7) as first, demo.start(seed=7) as second, demo.start(seed=8) as third:
        assert first.access_key == second.access_key != third.access_key


def test_an_exception_in_the_context_ends_it() -> None:
    """An exception in the caller's block passes through, and the process ends."""
    pids = []

    def fail() -> None:
        with demo.start() as running:
            pids.append(running.pid)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert _gone_within(pids[0], 60)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("mfa: true", "mfa: perhaps"), r"tiny.yaml, line 9: a value of type bool is wanted here"),
        (("name: Tiny", "title: Tiny"), r"tiny.yaml, line 2: unknown key 'title'"),
        (("root: {mfa: true}, ", ""), r"tiny.yaml, line 9: 'root' is missing"),
        (("us-east-1: {}", "us-west-9: {}"), r"us-west-9 of tiny, which is not enabled"),
        (("foundation_models: []", "foundation_models: {}"), r"line 7: a list is wanted here"),
    ],
)
def test_an_estate_that_does_not_hold_is_refused(
    tmp_path: Path, change: tuple[str, str], words: str
) -> None:
    """A wrong estate file is refused with file, line and reason, not with a traceback."""
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY.replace(*change))
    with pytest.raises(EmulatorError, match=words) as refused, demo.start(estate=path):
        pass
    assert "Traceback" not in str(refused.value)


def test_a_name_that_nothing_describes_is_refused(tmp_path: Path) -> None:
    """A bucket that names a key which does not exist is refused at the start."""
    path = tmp_path / "tiny.yaml"
    bucket = "root: {mfa: true}, buckets: [{name: tiny-b, region: us-east-1, key: lost}]"
    path.write_text(TINY.replace("root: {mfa: true}", bucket))
    with pytest.raises(EmulatorError, match="names the KMS key 'lost'"), demo.start(estate=path):
        pass


def test_another_estate_is_served(tmp_path: Path, client: Callable[..., object]) -> None:
    """A file of one's own is served as it stands, with what it leaves out empty."""
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    with demo.start(estate=path) as running:
        aws = client("bedrock", at=running)
        assert aws.list_guardrails()["guardrails"] == []  # type: ignore[attr-defined]
        assert running.accounts == ("999900001111",)


def test_scale_multiplies_accounts(client: Callable[..., object]) -> None:
    """Three times the accounts have names of their own, and parameters that know them."""
    with demo.start(scale=3) as running:
        assert len(running.accounts) == len(set(running.accounts)) == 6
        s3 = client("s3", account=running.accounts[2], at=running)
        names = {b["Name"] for b in s3.list_buckets()["Buckets"]}  # type: ignore[attr-defined]
        assert "northwind01-app-data-01" in names
        approved = running.parameters["data-source-approved"]["approved_buckets"]
        assert {"northwind-lab-notes", "northwind01-lab-notes"} <= set(approved)


def test_the_module_runs_by_itself(simulated: Simulated) -> None:
    """`python -m affidavit.demo` prints one line of JSON and ends when its input does."""
    done = subprocess.run(
        [sys.executable, "-m", "affidavit.demo", "--now", simulated.now.isoformat()],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
        env={**os.environ},
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["port"] > 0 if done.stdout else True


def test_an_unknown_fault_is_refused() -> None:
    """A fault of a kind that does not exist is a mistake of the caller."""
    with pytest.raises(EmulatorError, match="Unknown kind of fault"):
        Fault(kind="explode")
