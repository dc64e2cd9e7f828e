"""The catalogue's versions that the runs used: what each control asks for, and by which rules.

A run record names the SHA-256 of its catalogue's JSON. `catalogue.json` is that of the last run;
where earlier runs used others, these are `catalogues/<digest>.json`. So the rules in the package
are those in the ledger. Each record is held against its run's version: the check's version is
computed from its rule, and the parameters in force from check, source and run record.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from .canonical import digest, load
from .failure import VerificationError
from .runs import Run
from .zipsafe import Archive

NAME = "catalogue.json"
FOLDER = "catalogues/"
MAX_CATALOGUE = 64 * 2**20
_RULE = (
    *("id", "resource_set", "type", "keyword", "applies", "compliant", "inconclusive", "words"),
    *("params", "empty_verdict", "empty_when", "operations", "reads", "note"),
)
"""Members of a check that its version covers."""
SCOPING = "extra_buckets"
"""A parameter that says what is in scope; no rule reads it."""


@dataclass(frozen=True, slots=True)
class Source:
    """One source of a control, as its records must name it."""

    control_set: str
    control: str
    type: str
    keyword: str
    check: str
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rules:
    """One version of the catalogue."""

    where: str
    digest: str
    framework: str
    version: str
    controls: Mapping[str, str]
    """Control set by control."""
    sources: Mapping[str, Source]
    checks: Mapping[str, tuple[str, Mapping[str, Any]]]
    """(version, parameters) by check."""

    def deviations(self, run: Run) -> list[tuple[str, str, str]]:
        """Return (check, parameter, value) of what a run set otherwise than the catalogue."""
        found = []
        for check, values in sorted(run.parameters.items()):
            params = self.checks[check][1] if check in self.checks else {}
            for name, value in sorted(values.items()):
                if name not in params or params[name] != value:
                    found.append((check, name, json.dumps(value, ensure_ascii=False)))
        return found

    def check_run(self, run: Run) -> None:
        """Check that a run is of this framework and has all of its controls."""
        said = run.record["framework_id"], run.record["framework_version"]
        if said != (self.framework, self.version):
            raise VerificationError(run.where, f"is of the framework {said}, not as {self.where}")
        strange = set(run.controls) - set(self.controls)
        lacking = set(self.controls) - set(run.controls) if run.whole else set()
        for control in sorted(strange | lacking):
            words = "lacks" if control in self.controls else "has, unlike its catalogue,"
            raise VerificationError(run.where, f"{words} the control {control}")
        for control, said_of in run.controls.items():
            if said_of["control_set_id"] != self.controls[control]:
                raise VerificationError(run.where, f"has the control {control} in another set")

    def check_record(self, record: Mapping[str, Any], run: Run, where: str) -> None:
        """Check that a record is what its source asks for, judged by the rule in this version."""
        source = self.sources.get(record["source_id"])
        if source is None:
            raise VerificationError(where, f"is of a source that is not in {self.where}")
        for member, value in (
            ("control_set_id", source.control_set),
            ("control_id", source.control),
            ("source_type", source.type),
            ("keyword", source.keyword),
            ("check_id", source.check),
        ):
            if record[member] != value:
                raise VerificationError(
                    where, f"its {member} is {record[member]!r}; its source has {value!r}"
                )
        if not source.check:
            if record["check_digest"]:
                raise VerificationError(where, "names the version of a check, but no check")
            return
        if source.check not in self.checks:
            raise VerificationError(where, f"the check {source.check} is not in {self.where}")
        version, params = self.checks[source.check]
        if record["check_digest"] != version:
            raise VerificationError(
                where, f"was judged by another {source.check} than {self.where} holds"
            )
        own = {k: v for k, v in run.parameters.get(source.check, {}).items() if k != SCOPING}
        self._check_parameters(record, {**params, **source.params, **own}, where)

    def _check_parameters(
        self, record: Mapping[str, Any], effective: Mapping[str, Any], where: str
    ) -> None:
        """Check the parameters in force; a record that no rule judged may name none."""
        said = load(record["parameters"].encode(), where)
        bare = record["parameters"] == "{}" and record["standing"] == "undecided"
        if said != effective and not bare:
            raise VerificationError(
                where,
                f"was judged with the parameters {record['parameters']}; catalogue and run record "
                f"give {json.dumps(effective, sort_keys=True, ensure_ascii=False)}",
            )


def read_rules(archive: Archive, inside: Sequence[Run]) -> dict[str, Rules]:
    """Return the version of each run of the report by digest, each file held against its digest."""
    last = next(run for run in reversed(inside) if run.whole).record["catalogue_digest"]
    found = {}
    for run in inside:
        wanted = run.record["catalogue_digest"]
        if wanted not in found:
            name = NAME if wanted == last else f"{FOLDER}{wanted}.json"
            found[wanted] = _read(archive, name, wanted, run)
        found[wanted].check_run(run)
    named = {rules.where for rules in found.values()}
    for name in archive.entries:
        if name.startswith(FOLDER) and name not in named:
            raise VerificationError(name, "is no catalogue that a run of the report used")
    return found


def _read(archive: Archive, name: str, wanted: str, run: Run) -> Rules:
    if name not in archive.entries:
        raise VerificationError(
            name, f"is missing: run {run.sequence} used this version of the catalogue"
        )
    data = archive.read(name, MAX_CATALOGUE)
    if sha256(data).hexdigest() != wanted:
        raise VerificationError(
            name, f"holds other rules than run {run.sequence} used, by its run record"
        )
    value = load(data, name)
    try:
        return _rules(name, wanted, value)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise VerificationError(name, f"is not a catalogue ({error})") from error


def _rules(name: str, wanted: str, value: Any) -> Rules:
    framework = value["framework"]
    controls: dict[str, str] = {}
    sources: dict[str, Source] = {}
    for control_set in framework["control_sets"]:
        for control in control_set["controls"]:
            if control["id"] in controls:
                raise ValueError(f"the control {control['id']} stands twice")
            controls[control["id"]] = control["control_set"]
            for one in control["sources"]:
                if one["id"] in sources:
                    raise ValueError(f"the source {one['id']} stands twice")
                sources[one["id"]] = Source(
                    control_set=control["control_set"],
                    control=control["id"],
                    type=one["type"],
                    keyword=one["keyword"],
                    check=one["check"],
                    params=dict(one["params"]),
                )
    checks = {
        key: (_version(check), dict(check["params"])) for key, check in value["checks"].items()
    }
    for key, check in value["checks"].items():
        if (check["id"], check["digest"]) != (key, checks[key][0]):
            raise ValueError(f"the check {key} is not of the version that it says")
    return Rules(
        where=name,
        digest=wanted,
        framework=framework["id"],
        version=framework["version"],
        controls=controls,
        sources=sources,
        checks=checks,
    )


def _version(check: Mapping[str, Any]) -> str:
    """Return the digest of a check's rule, as `model.catalogue.version_of` makes it."""
    rule = {name: check[name] for name in _RULE}
    rule["params"] = json.dumps(
        rule["params"], sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    rule["reads"] = [[m["path"], m["required"], m["absent_means"]] for m in rule["reads"]]
    return digest(rule)
