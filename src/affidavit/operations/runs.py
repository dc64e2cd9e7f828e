"""The main job: collect an estate now, judge it, keep the evidence, report."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from affidavit import catalogue as catalogues
from affidavit.aws.door import Door
from affidavit.aws.estate import resolve
from affidavit.aws.identity import CallerIdentity
from affidavit.aws.settings import AwsSettings
from affidavit.checks.rules import EXTRA_BUCKETS, effective_parameters
from affidavit.collector.execute import Asked
from affidavit.errors import UsageError
from affidavit.model.catalogue import Catalogue
from affidavit.model.identifiers import new_id
from affidavit.model.run import Assessment, Estate
from affidavit.model.times import utc_now
from affidavit.model.verdict import Verdict
from affidavit.operations.assessment_bodies import KIND
from affidavit.operations.collecting import collect
from affidavit.operations.custom_runs import (
    is_shipped,
    keep_document,
    require_framework,
    require_id,
    require_same,
)
from affidavit.operations.prompt_runs import PromptOutcome
from affidavit.operations.prompt_sweep import ModelToAsk, Sweep, Swept
from affidavit.operations.renamed import find_named
from affidavit.operations.reports import ReportRequest, build_in, key_file
from affidavit.operations.summary import RunSummary, summarise
from affidavit.settings import Settings
from affidavit.store import Store, open_store

DEFAULT_NAME = "Generative AI best practices"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What to collect, as whom."""

    aws: AwsSettings
    framework: str = ""
    """Id of the shipped framework, or of a custom one of the tenant. Empty: that of the assessment
    of this name; of a new one, the shipped framework."""
    name: str = DEFAULT_NAME
    """Name of the assessment; created at the first run, found again by name and tenant later."""
    accounts: tuple[str, ...] = ()
    """Account ids; empty: the caller's own, or the organization's."""
    organization: bool = False
    """Take every active account that AWS Organizations lists."""
    regions: tuple[str, ...] = ()
    """Regions; empty: all that ec2:DescribeRegions says are enabled."""
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The user's own parameters, by check id and name."""
    parameters_why: str = ""
    """Why they differ from the catalogue; stands in the ledger and in the report."""
    models: tuple[ModelToAsk, ...] = ()
    """Models that suites of prompts are run against first; the collection takes the runs over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """What a run did."""

    assessment: Assessment
    summary: RunSummary
    checkpoint: str
    """Signed note of the log after this run."""
    warnings: tuple[str, ...]
    """What could not be done after the commit: a missing time stamp, unpublished tiles."""
    resumed: int
    """Answers that an interrupted attempt had already got."""
    key: Path
    """File of the public key that verifies the report."""
    report: Path | None
    prompts: tuple[PromptOutcome, ...] = ()
    """Runs of prompts that were made before the collection."""

    def fails(self, on: str) -> bool:
        """Tell whether any control came out as `on` says (non-compliant, inconclusive) or worse."""
        verdicts = {v.verdict for v in self.summary.record.controls.values()}
        bad = {Verdict.NON_COMPLIANT}
        if on == "inconclusive":
            bad.add(Verdict.NOT_APPLICABLE)
        return bool(verdicts & bad)

    def to_json(self) -> dict[str, Any]:
        """Return the outcome for `--json`."""
        return {
            **self.summary.to_json(),
            "resumedAnswers": self.resumed,
            "checkpoint": self.checkpoint,
            "warnings": list(self.warnings),
            "publicKey": str(self.key),
            "report": str(self.report) if self.report else None,
            "prompts": [outcome.in_short() for outcome in self.prompts],
        }


def run(  # noqa: PLR0913 - callbacks, each by its name
    request: RunRequest,
    settings: Settings,
    *,
    out: Path | None = None,
    on_estate: Callable[[CallerIdentity, Estate], None] = lambda _identity, _estate: None,
    on_progress: Callable[[Asked], None] = lambda _asked: None,
    on_report: Callable[[], None] = lambda: None,
    on_swept: Callable[[Swept], None] = lambda _swept: None,
) -> RunOutcome:
    """Collect `request` now, commit it, and write a report into the folder `out` unless None.

    Raises `UsageError` for an unknown framework, check or parameter, `CredentialsError` and
    `EstateError` when nothing at all can be collected, and the store's errors. What AWS refuses
    within the estate becomes gaps in the evidence, not an error.

    An assessment that the API made or changed is collected as it stands there: its own framework,
    without INACTIVE controls.
    """
    shipped = catalogues.load()
    require_id(shipped, request.framework)
    check_parameters(shipped, request.parameters)
    with open_store(settings) as store:
        with Door(request.aws) as door:
            identity = door.identity()
            estate = resolve(
                door,
                accounts=request.accounts,
                organization=request.organization,
                regions=request.regions,
            )
            on_estate(identity, estate)
            assessment = _assessment(store, settings, request, shipped, identity, estate)
            prompts = Sweep(
                store=store,
                assessment=assessment,
                aws=request.aws,
                door=door,
                settings=settings,
                catalogue=shipped,
                on_swept=on_swept,
            ).run(request.models)
            asked = tuple(prompts)
            done = collect(store, shipped, assessment, door, on_progress=on_progress)
        record = done.committed.run_record
        evidence = store.evidence(assessment.id, record.day, record.day)
        summary = summarise(
            done.catalogue, record, (e for _, e in evidence if e.run_id == record.run_id)
        )
        report = None
        if out is not None:
            on_report()
            report = build_in(store, assessment, _of_day(assessment, record.day, out), utc_now())
        key = key_file(store, store.keys.signer().public)
    return RunOutcome(
        assessment=assessment,
        summary=summary,
        checkpoint=done.committed.checkpoint,
        warnings=done.committed.warnings,
        resumed=done.resumed,
        key=key,
        report=report.path if report else None,
        prompts=asked,
    )


def _of_day(assessment: Assessment, day: date, out: Path) -> ReportRequest:
    return ReportRequest(assessment=assessment.id, out=out, first_day=day, last_day=day)


def check_parameters(catalogue: Catalogue, parameters: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise `UsageError` when a parameter's check or name is unknown, or its kind is another."""
    for check_id, values in parameters.items():
        check = catalogue.checks.get(check_id)
        if check is None:
            raise UsageError(
                f"There is no check {check_id!r} to set parameters of",
                todo="`affidavit framework show genai-v1` lists the checks of every control.",
            )
        effective_parameters(check, {}, values)
        buckets = values.get(EXTRA_BUCKETS, [])
        if not isinstance(buckets, list):
            raise UsageError(
                f"The parameter {EXTRA_BUCKETS} of the check {check_id} is {buckets!r}",
                why="It must be a list of bucket names.",
                todo="Correct the value.",
            )


def _assessment(
    store: Store,
    settings: Settings,
    request: RunRequest,
    catalogue: Catalogue,
    identity: CallerIdentity,
    estate: Estate,
) -> Assessment:
    """Return the assessment of this tenant and name as it is to be collected now."""
    tenant = f"{identity.account_id}/{request.aws.region or estate.regions[0]}"
    require_framework(store, catalogue, tenant, request.framework)
    found = find_named(store, tenant, request.name)
    if found is None:
        custom = not is_shipped(catalogue, request.framework)
        assessment = Assessment(
            id=new_id(utc_now()),
            name=request.name,
            tenant=tenant,
            framework_id=request.framework if custom else catalogue.framework.id,
            estate=estate,
            created_at=utc_now(),
            created_by=identity.arn,
            parameters=request.parameters,
        )
        if custom:
            keep_document(store, catalogue, settings, assessment)
        store.create_assessment(assessment, by=identity.arn)
        _log_parameters(store, catalogue, assessment, {}, request, identity)
        return assessment
    require_same(catalogue, found, request.framework)
    _refuse_inactive(store, found)
    changed = replace(found, estate=estate, parameters=request.parameters)
    if changed != found:
        store.update_assessment(changed, by=identity.arn)
        _log_parameters(store, catalogue, changed, found.parameters, request, identity)
    return changed


def _refuse_inactive(store: Store, assessment: Assessment) -> None:
    document = store.documents.get(assessment.tenant, KIND, assessment.id)
    if document is not None and document.body["metadata"]["status"] != "ACTIVE":
        raise UsageError(
            f"The assessment {assessment.name!r} is INACTIVE",
            why="It was ended for good: nothing is collected for it any more.",
            todo="Choose another name (--name).",
        )


def _log_parameters(
    store: Store,
    catalogue: Catalogue,
    assessment: Assessment,
    before: Mapping[str, Mapping[str, Any]],
    request: RunRequest,
    identity: CallerIdentity,
) -> None:
    """Append every parameter that was set, changed or taken back as a leaf of its own."""
    for check_id in sorted({*before, *request.parameters}):
        old, new = before.get(check_id, {}), request.parameters.get(check_id, {})
        defaults = catalogue.checks[check_id].params if check_id in catalogue.checks else {}
        for name in sorted({*old, *new}):
            if old.get(name) != new.get(name):
                store.append_parameter(
                    assessment,
                    check_id=check_id,
                    name=name,
                    value=new.get(name),
                    default=defaults.get(name),
                    by=identity.arn,
                    why=request.parameters_why,
                )
