"""Frameworks: list, look at, export, and the AWS Config rules behind their controls."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any, Final, Literal

import yaml

from affidavit import catalogue as catalogue_package
from affidavit.errors import UsageError
from affidavit.model.catalogue import Catalogue
from affidavit.model.framework import Framework, SourceType
from affidavit.operations import assessment_frameworks
from affidavit.operations.caller import Caller
from affidavit.operations.collectable import sources_of
from affidavit.operations.context import Context

Format = Literal["yaml", "json"]

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
"""First characters that spreadsheets take for a formula (OWASP, CSV injection)."""
_YAML_WIDTH: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameworkSummary:
    """A framework in one line."""

    id: str
    uuid: str
    name: str
    version: str
    control_sets: int
    controls: int
    full: int
    """Controls whose evidence is wholly automated."""
    partial: int
    """Controls that need manual evidence besides."""
    sources: int
    checks: int
    digest: str
    """Digest of the catalogue: its exact version."""


def list_frameworks() -> tuple[FrameworkSummary, ...]:
    """Return the frameworks there are; raises `CatalogueError` when one does not hold."""
    return (summary(catalogue_package.load()),)


def summary(catalogue: Catalogue) -> FrameworkSummary:
    """Return a catalogue's framework in one line."""
    framework = catalogue.framework
    controls = list(framework.controls())
    full = sum(control.automation == "full" for control in controls)
    return FrameworkSummary(
        id=framework.id,
        uuid=framework.uuid,
        name=framework.name,
        version=framework.version,
        control_sets=len(framework.control_sets),
        controls=len(controls),
        full=full,
        partial=len(controls) - full,
        sources=sum(len(control.sources) for control in controls),
        checks=len(catalogue.checks),
        digest=catalogue.digest,
    )


def get_framework(identifier: str) -> Catalogue:
    """Return a framework by its short id or UUID, with all that belongs to it.

    Raises `UsageError` for an unknown one.
    """
    catalogue = catalogue_package.load()
    if identifier not in {catalogue.framework.id, catalogue.framework.uuid}:
        raise UsageError(
            f"There is no framework {identifier}",
            why=f"The shipped one is {catalogue.framework.id}.",
            todo="Name that, or with --tenant a custom one by its id.",
        )
    return catalogue


def text_of(value: Any, form: Format = "yaml") -> str:
    """Return values of the model (a catalogue is all of them), or plain ones, as YAML or JSON."""
    plain = _plain(value)
    if form == "json":
        return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=_YAML_WIDTH)


def _plain(value: Any) -> Any:
    """Return a value of the model as JSON values, in the order of its fields."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): _plain(member) for key, member in value.items()}
    if isinstance(value, (frozenset, set)):
        return sorted(_plain(member) for member in value)
    if isinstance(value, (tuple, list)):
        return [_plain(member) for member in value]
    return value


def config_rule_mapping_csv(framework: Framework) -> str:
    """Return the AWS Config rules behind each control as CSV (RFC 4180).

    One row for each source of type AWS_Config: what Audit Manager offers as a download with its
    standard frameworks. Cells that a spreadsheet would take for a formula are quoted by `'`.
    """
    return _mapping_csv(
        (control_set.name, control.id, control.title, source.keyword)
        for control_set in framework.control_sets
        for control in control_set.controls
        for source in control.sources
        if source.type is SourceType.CONFIG
    )


def config_rule_mapping(context: Context, caller: Caller, framework_id: str) -> tuple[str, str]:
    """Return (name, CSV) of the Config rules behind a framework that the library has.

    Those of a custom control are what its sources bring, core and common controls resolved.
    """
    if framework_id == context.catalogue.framework.uuid:
        own = context.catalogue.framework
        return own.name, config_rule_mapping_csv(own)
    found = assessment_frameworks.framework(context, caller, framework_id)
    known = {one.uuid: one for one in context.catalogue.framework.controls()}
    rows = []
    for control_set in found["controlSets"]:
        for one in control_set["controls"]:
            shipped = known.get(one["id"])
            sources = (
                shipped.sources
                if shipped
                else sources_of(context.catalogue, one["id"], one["controlMappingSources"])
            )
            identifier = shipped.id if shipped else one["id"]
            rows += [
                (control_set["name"], identifier, one["name"], source.keyword)
                for source in sources
                if source.type is SourceType.CONFIG
            ]
    return found["name"], _mapping_csv(rows)


def _mapping_csv(rows: Iterable[tuple[str, ...]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["Control set", "Control", "Control title", "AWS Config rule identifier"])
    for row in rows:
        writer.writerow([safe_cell(cell) for cell in row])
    return text.getvalue()


def safe_cell(text: str) -> str:
    """Return a cell that no spreadsheet runs as a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
