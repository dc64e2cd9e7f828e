"""Records of any API call that custom controls may name: what it lists, else its whole answer.

The kind of record that owners' rules are about where the shipped framework knows none: r.item is
the thing as AWS answered it (absent where AWS says that there is none), r.fact the members of the
request that tell which thing was asked of.
"""

from collections.abc import Iterator
from typing import Any

from affidavit.checks.drafts import Draft, View
from affidavit.checks.places import Record, RecordSet
from affidavit.checks.resources import Reading, Resource
from affidavit.model.observation import Observation


def api_call(view: View) -> RecordSet:
    """Return a record for each thing that the call's answers in this place are about."""
    key = view.set.item_operation
    return view.finish(_records(view, key), view.gaps(key))


def _records(view: View, key: str) -> Iterator[Record]:
    operation = view.answers.catalogue.operations[key]
    for answer in view.answers.all(key, view.region):
        result = answer.result
        if not isinstance(result, Observation) or (answer.gap is not None and not answer.body):
            continue
        reading = Reading(operation, result, view.partition)
        listed = reading.listed()
        if listed is not None:
            yield from (_record(_listed(view, one), one, reading.asked) for one in listed)
            continue
        draft = view.draft()
        draft.cite(result)
        if answer.gap is not None:
            draft.gaps["item"] = answer.gap
        elif not answer.absent:
            draft.values["item"] = answer.body
        yield _record(draft, reading.whole(), reading.asked)


def _listed(view: View, resource: Resource) -> Draft:
    assert resource.found is not None  # noqa: S101 - it is listed
    return view.of(resource.found)


def _record(draft: Draft, resource: Resource, asked: dict[str, Any]) -> Record:
    draft.values["fact"] = asked
    draft.attributes |= resource.named
    return draft.record(resource.arn)
