"""kill -9 at any moment of increments and whole runs: no event is lost, and none recorded twice."""

import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.operations.api.activity_story import Story
from tests.operations.api.trail import KEYWORDS

from affidavit.model.times import iso, utc_now
from affidavit.store import open_store

ROOT = Path(__file__).parents[3]


def _killed(place: list[str], after: float) -> bool:
    """Run the child and kill it so many seconds after it is ready; return whether it ended."""
    command = [sys.executable, "-m", "tests.operations.api.activity_child", *place]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        try:
            child.wait(after)
        except subprocess.TimeoutExpired:
            child.kill()
        return child.wait() == 0


@pytest.mark.timeout(480)
@pytest.mark.parametrize("kills", [2, pytest.param(25, marks=pytest.mark.slow)])
def test_kills(owner: Any, an_assessment: Any, tmp_path: Path, kills: int) -> None:
    """Killed at random moments and begun again, each event is recorded once for each source."""
    story = Story(owner, an_assessment, tmp_path)
    owner.clock.time = utc_now()
    story.whole()
    events = tmp_path / "events"
    names = [keyword.partition("_")[2] for keyword in KEYWORDS]
    happened = [
        {"id": str(uuid4()), "name": names[number % 2], "at": iso(utc_now())}
        for number in range(4 * kills)
    ]
    events.write_text("".join(f"{json.dumps(one)}\n" for one in happened))
    settings = owner.context.settings
    place = [str(settings.home), str(settings.keys), story.id, str(events)]
    seed = time.time_ns()
    dice = random.Random(seed)  # noqa: S311 - when to kill is no secret
    for _ in range(kills):
        _killed(place, dice.uniform(0, 1.5))
    assert _killed(place, 240)
    with open_store(settings) as store:
        story.store = store
        owner.clock.time = utc_now()
        found = story.events()
        assert {one for _, one in found} == {one["id"] for one in happened}, seed
        assert set(found.values()) == {1}, seed
        assert found == Counter(dict.fromkeys(found, 1))
        outcome = story.report()
        assert outcome.failure is None, (seed, outcome.failure)
