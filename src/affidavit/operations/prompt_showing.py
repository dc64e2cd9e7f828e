"""Kept runs of prompts, listed and read: results, metrics, other models; raw answers by case."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from affidavit.errors import UsageError
from affidavit.operations import prompt_raw
from affidavit.operations.prompt_storing import of_suite
from affidavit.operations.renamed import assessment_named
from affidavit.prompts import results as counted
from affidavit.prompts.metrics.analysis import by_model
from affidavit.prompts.recorded_runs import KIND
from affidavit.settings import Settings
from affidavit.store import Store, open_store

LAST: Final = "last"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRun:
    """A run as it was kept."""

    tenant: str
    run: Mapping[str, Any]
    cases: Sequence[Mapping[str, Any]]
    metrics: Mapping[str, Any]
    models: Sequence[Mapping[str, Any]] = ()
    """The newest run of the same suite of each model, the best first."""

    def to_json(self) -> dict[str, Any]:
        """Return it for `--json`."""
        return {
            **self.run,
            "total": counted.tally(self.cases).to_json(),
            "families": {f: t.to_json() for f, t in counted.by_family(self.cases).items()},
            "metrics": dict(self.metrics),
            "models": list(self.models),
            "results": list(self.cases),
        }


def runs(settings: Settings, assessment: str = "") -> list[KeptRun]:
    """Return every kept run, or those of one assessment, the newest first."""
    with open_store(settings, create=False) as store:
        if assessment:
            found = assessment_named(store, assessment)
            documents = [
                (found.tenant, one)
                for one in store.documents.every(found.tenant, KIND, parent=found.id)
            ]
        else:
            documents = store.documents.of_all_tenants(KIND)
    kept = [_kept(tenant, one.body) for tenant, one in documents]
    return sorted(kept, key=lambda one: _when(one.run), reverse=True)


def show(settings: Settings, run: str) -> KeptRun:
    """Return a run by its id, or the `last` one; raise `UsageError` where there is none."""
    with open_store(settings, create=False) as store:
        tenant, body = _find(store, run)
        others = of_suite(
            store, store.assessment(body["run"]["assessmentId"]), body["run"]["suite"]
        )
    return _kept(tenant, body, by_model(others))


def raw(settings: Settings, run: str, case: str) -> dict[str, Any]:
    """Return the raw question and answer of a case that were sealed with --keep-raw."""
    with open_store(settings, create=False) as store:
        tenant, body = _find(store, run)
        return prompt_raw.read(store, tenant, body["run"]["runId"], case)


def _find(store: Store, run: str) -> tuple[str, Mapping[str, Any]]:
    if run == LAST:
        every = store.documents.of_all_tenants(KIND)
        found = [max(every, key=lambda one: _when(one[1].body["run"]))] if every else []
    else:
        found = store.documents.find(KIND, run)
    if len(found) != 1:
        raise _unknown(run)
    tenant, document = found[0]
    return tenant, document.body


def _when(run: Mapping[str, Any]) -> tuple[str, str]:
    return run["finishedAt"], run["runId"]


def _kept(
    tenant: str, body: Mapping[str, Any], models: Sequence[Mapping[str, Any]] = ()
) -> KeptRun:
    return KeptRun(
        tenant=tenant,
        run=body["run"],
        cases=body["cases"],
        metrics=body.get("metrics", {}),
        models=models,
    )


def _unknown(run: str) -> UsageError:
    return UsageError(
        f"No run of prompts {run!r} is kept",
        why="Runs are kept with --assessment only.",
        todo="`affidavit prompts runs` lists the kept ones.",
    )
