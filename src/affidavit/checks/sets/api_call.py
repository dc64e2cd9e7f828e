"""Records of any API call that custom controls may name: what it lists, else its whole answer.

The kind of record that owners' rules are about where the shipped framework knows none: r.item is
the thing as AWS answered it (absent where AWS says that there is none), r.fact the members of the
request that tell which thing was asked of.
"""

from collections.abc import Iterator

from affidavit.checks.answers import Answer
from affidavit.checks.drafts import Draft, View
from affidavit.checks.places import Record, RecordSet
from affidavit.checks.resources import Reading
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
        for one in (reading.whole(),) if listed is None else listed:
            draft = _draft(view, answer, result) if one.found is None else view.of(one.found)
            draft.values["fact"] = reading.asked
            draft.attributes |= one.named
            yield draft.record(one.arn)


def _draft(view: View, answer: Answer, result: Observation) -> Draft:
    """Return a draft about what the answer as a whole is about."""
    draft = view.draft()
    draft.cite(result)
    if answer.gap is not None:
        draft.gaps["item"] = answer.gap
    elif not answer.absent:
        draft.values["item"] = answer.body
    return draft
