"""A process that collects events until it is killed: increments, and now and then everything.

    python -m tests.operations.api.activity_child HOME KEYS ASSESSMENT EVENTS

EVENTS is a file with an event on each line; each step delivers one more, from where the last
process stopped, and says so on standard output when its increment has ended.
"""

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.operations.api.trail import Event, Trail

from affidavit import catalogue
from affidavit.errors import StoreBusyError
from affidavit.model.times import parse, utc_now
from affidavit.operations import activity, work
from affidavit.operations.collecting import collect
from affidavit.operations.context import Context
from affidavit.settings import Settings
from affidavit.store import Store, open_store

WHOLE_EVERY = 3
"""After so many increments there is a whole run."""


def main(home: str, keys: str, assessment_id: str, events: str) -> None:
    """Deliver events one after the other, those of earlier processes at once."""
    settings = Settings(home=Path(home), keys=Path(keys))
    lines = Path(events).read_text().splitlines()
    known = [json.loads(line) for line in lines]
    done = Path(f"{events}.done")
    number = len(done.read_text().splitlines()) if done.exists() else 0
    with open_store(settings) as store:
        context = Context(store=store, catalogue=catalogue.load(), settings=settings)
        trail: Any = Trail(utc_now)
        vars(activity)["Door"] = lambda _aws: trail
        tell("ready")
        while True:
            number = min(number + 1, len(known))
            trail.events = [_event(one) for one in known[:number]]
            if number % WHOLE_EVERY:
                _increment(context, store, assessment_id)
            else:
                _whole(context, store, assessment_id, trail)
            with done.open("a") as file:
                file.write("x\n")
            tell(f"done {number}")
            if number == len(known):
                return


def tell(words: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def _event(said: dict[str, str]) -> Event:
    at = parse(said["at"])
    return Event(said["id"], said["name"], at, at - timedelta(days=1))


def _increment(context: Context, store: Store, assessment_id: str) -> None:
    tenant = store.assessment(assessment_id).tenant
    task = work.queued(context, "activity", assessment_id, subject=assessment_id)
    store.documents.act(tenant, now=context.now(), puts=[task])
    activity.run(context, work.Taken(context, tenant, task), lambda: False)


def _whole(context: Context, store: Store, assessment_id: str, trail: Any) -> None:
    try:
        collect(store, context.catalogue, store.assessment(assessment_id), trail)
    except StoreBusyError as error:
        tell(str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
