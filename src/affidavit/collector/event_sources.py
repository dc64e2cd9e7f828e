"""The sources whose events are shown, and what a run of activity alone collects with."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from affidavit.checks.facts import Facts
from affidavit.checks.records import Place, build
from affidavit.collector.plan import EVENT_OPERATION
from affidavit.model.catalogue import Catalogue
from affidavit.model.framework import Control, ControlSource, Framework, SourceType


def shown_sources(framework: Framework) -> Iterator[ControlSource]:
    """Yield the sources whose events are shown, each for itself, and not judged."""
    for control in framework.controls():
        for source in control.sources:
            if source.type is SourceType.CLOUDTRAIL and not source.check:
                yield source


def of_activity(catalogue: Catalogue) -> Catalogue:
    """Return what a run of activity alone collects with: the sources whose events are shown.

    The digest stays, for the rules are the same.
    """
    shown = {source.id for source in shown_sources(catalogue.framework)}
    sets = tuple(
        replace(one, controls=tuple(filter(None, (_narrowed(c, shown) for c in one.controls))))
        for one in catalogue.framework.control_sets
    )
    return replace(
        catalogue,
        framework=replace(catalogue.framework, control_sets=sets),
        operations={EVENT_OPERATION: catalogue.operations[EVENT_OPERATION]},
        resource_sets={"event": catalogue.resource_sets["event"]},
    )


def _narrowed(control: Control, shown: Collection[str]) -> Control | None:
    sources = tuple(source for source in control.sources if source.id in shown)
    return replace(control, sources=sources, manual_evidence=None) if sources else None


def places_of(
    catalogue: Catalogue, facts: Facts, now: datetime, params: Mapping[str, Mapping[str, Any]]
) -> tuple[Place, ...]:
    """Return the places of an account that was asked for activity alone.

    Since when it was asked is not the same in each account: the questions themselves say it.
    """
    asked = next((one for one in facts if one.unit.key == EVENT_OPERATION), None)
    if asked is not None:
        params = {**params, EVENT_OPERATION: {"StartTime": asked.unit.parameters["StartTime"]}}
    return build(catalogue, facts, now, params).places
