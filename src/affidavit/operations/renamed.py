"""Assessments by the names that they have now: the API renames what the collector runs.

The collector and the ledger know an assessment by the name that it was made under, which stands in
its run records and stays. UpdateAssessment changes the name in the API's document; the command line
finds it by that one.
"""

from collections.abc import Sequence
from dataclasses import replace

from affidavit.errors import UsageError
from affidavit.model.run import Assessment
from affidavit.operations.assessment_bodies import KIND
from affidavit.store import Store
from affidavit.store.documents import Document


def renamed(store: Store, tenant: str | None = None) -> Sequence[Assessment]:
    """Return the tenant's assessments, or all, under the names that they have now."""
    stored = store.assessments(tenant)
    names: dict[str, str] = {}
    for one in {assessment.tenant for assessment in stored}:
        names |= dict(store.documents.distilled(one, KIND, _name))
    return [replace(one, name=names.get(one.id, one.name)) for one in stored]


def find_named(store: Store, tenant: str, name: str) -> Assessment | None:
    """Return the tenant's assessment of this name, as the collector knows it, or None.

    An assessment that has the name now goes before one that was made under it and renamed.
    """
    now = [one for one in renamed(store, tenant) if one.name == name]
    if len(now) == 1:
        return store.known_assessment(tenant, now[0].id)
    return store.find_assessment(tenant, name)


def assessment_named(store: Store, name: str) -> Assessment:
    """Return the one assessment of a name; raise `UsageError` where there is not one."""
    found = [a for a in renamed(store) if a.name == name]
    if len(found) != 1:
        raise UsageError(
            f"There {'is no' if not found else 'are several'} assessment {name!r}",
            todo="Run `affidavit run --name NAME` first; names must be of one tenant only.",
        )
    return store.assessment(found[0].id)


def _name(document: Document) -> tuple[str, str]:
    return document.id, str(document.body["metadata"]["name"])
