"""From an account's facts to the records that checks are run over.

`build` gives one place per Region, and one for what exists once per account. Each answer is typed
and digested once, however many records use it. What is unknown stays apart from what is absent:
see `checks.answers`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from affidavit.checks.accounts import account_facts, metric_sums, names_read
from affidavit.checks.answers import Answers
from affidavit.checks.drafts import View
from affidavit.checks.facts import Facts
from affidavit.checks.places import AccountRecords, Metrics, Place, Record, RecordSet
from affidavit.checks.sets import builder
from affidavit.model.catalogue import Catalogue
from affidavit.model.observation import GLOBAL_REGION

__all__ = ["AccountRecords", "Metrics", "Place", "Record", "RecordSet", "build"]


def build(
    catalogue: Catalogue,
    facts: Facts,
    now: datetime,
    params: Mapping[str, Mapping[str, Any]],
) -> AccountRecords:
    """Return everything that checks are run over in one account.

    `now` and `params` (the user's parameters by check id) must be those of the collection: they say
    which questions should have been asked.
    """
    answers = Answers(catalogue, facts, now, params)
    places = [_place(answers, region) for region in facts.regions]
    return AccountRecords(places=(*places, _place(answers, GLOBAL_REGION)))


def _place(answers: Answers, region: str) -> Place:
    is_global = region == GLOBAL_REGION
    metrics = {} if is_global else metric_sums(answers, region)
    sets = {
        identifier: builder(identifier)(
            View(answers=answers, set=resource_set, region=region, metrics=metrics)
        )
        for identifier, resource_set in answers.catalogue.resource_sets.items()
        if resource_set.per_account == is_global
    }
    known = account_facts(answers, region)
    _, read = names_read(answers.catalogue)
    known.acct["set"] = {
        name: [record.values for record in sets[name].records] for name in read if name in sets
    }
    return Place(
        region=region,
        acct=known.acct,
        sets=sets,
        acct_gaps=known.gaps,
        acct_inputs=known.inputs,
        windows={days: sums for (days, name), sums in metrics.items() if not name},
        synthetic=known.synthetic,
    )
