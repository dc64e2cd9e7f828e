"""oscal.json: the report as OSCAL assessment results (NIST OSCAL 1.1.3), for tools that read these.

One finding a control, with what the last run says of it; one observation for each of its sources,
with the records of that run that the report holds, and one for each reason why something could not
be observed. Made here, for the report and for whoever verifies it: the verifier makes it again and
compares. Ids are UUIDs version 5 under the report's id: the same report has the same ones.
"""

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .canonical import dump

NAME = "oscal.json"
VERSION = "1.1.3"
NAMESPACE = "https://affidavit.invalid/oscal/v1"
"""Of our properties; a name, not an address."""
_TOKEN = re.compile(r"[A-Za-z_][A-Za-z0-9._-]*")
_MEDIA = {"evidence.jsonl": "application/jsonl", "runs.jsonl": "application/jsonl"}
_MEDIA |= {"catalogue.json": "application/json"}
_WORDS = {
    "COMPLIANT": "compliant",
    "NON_COMPLIANT": "non-compliant",
    "NOT_APPLICABLE": "inconclusive",
}
_REASON = {"COMPLIANT": "pass", "NON_COMPLIANT": "fail", "NOT_APPLICABLE": "other"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the document is made of: manifest, last run, its catalogue, and the records held."""

    predicate: Mapping[str, Any]
    """The manifest's."""
    run: Mapping[str, Any]
    """The record of the last run of the period."""
    framework: Mapping[str, Any]
    """Of that run's catalogue."""
    sources: Mapping[str, Mapping[str, int]]
    """Records of that run in the report, by source and verdict."""
    digests: Mapping[str, str]
    """SHA-256 of the files that it refers to."""


def document(facts: Facts) -> bytes:
    """Return oscal.json."""
    maker = _Maker(facts)
    return dump({"assessment-results": maker.results()}) + b"\n"


def token(name: str) -> str:
    """Return a name as OSCAL's token: what is none (a UUID that begins with a digit) gets an _."""
    return name if _TOKEN.fullmatch(name) else "_" + re.sub(r"[^A-Za-z0-9._-]", "_", name)


class _Maker:
    """Puts the parts together."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._space = uuid.UUID(facts.predicate["report_id"])

    def results(self) -> dict[str, Any]:
        facts, predicate = self._facts, self._facts.predicate
        return {
            "uuid": self._id("assessment-results"),
            "metadata": {
                "title": f"Assessment report: {predicate['assessment']['name']}",
                "last-modified": predicate["generated_at"],
                "version": predicate["report_id"],
                "oscal-version": VERSION,
                "props": [
                    _prop("tool", predicate["tool"]),
                    _prop("tenant", predicate["tenant"]),
                    _prop("synthetic", "yes" if predicate["synthetic"] else "no"),
                    _prop("completeness", predicate["completeness"]),
                ],
                "remarks": "Evidence is not compliance. Verdicts are those of the ledger's run "
                "records; verify the report that this file is part of (README.txt).",
            },
            "import-ap": {"href": f"#{self._id('catalogue.json')}"},
            "results": [self._result()],
            "back-matter": {
                "resources": [
                    {
                        "uuid": self._id(name),
                        "title": name,
                        "rlinks": [
                            {
                                "href": name,
                                "media-type": _MEDIA[name],
                                "hashes": [{"algorithm": "SHA-256", "value": facts.digests[name]}],
                            }
                        ],
                    }
                    for name in sorted(_MEDIA)
                ]
            },
        }

    def _result(self) -> dict[str, Any]:
        run, predicate = self._facts.run, self._facts.predicate
        observations, findings = [], []
        for control in self._controls():
            said = run["controls"][control["id"]]
            seen = [*self._sources(control), *self._gaps(control, said)]
            observations += seen
            findings.append(self._finding(control, said, [one["uuid"] for one in seen]))
        first, last = predicate["period"]
        framework = self._facts.framework
        return {
            "uuid": self._id("result"),
            "title": f"{framework['name']}, {first} to {last}",
            "description": f"Findings as of the last run of the period, {run['run_id']} of "
            f"{run['day']}. What each control was on each other day stands in period.csv.",
            "start": run["started_at"],
            "end": run["finished_at"],
            "props": [_prop("run-id", run["run_id"]), _prop("framework", framework["id"])],
            "reviewed-controls": {
                "control-selections": [
                    {
                        "include-controls": [
                            {"control-id": token(control["id"])} for control in self._controls()
                        ]
                    }
                ]
            },
            "observations": observations,
            "findings": findings,
        }

    def _controls(self) -> Iterator[Mapping[str, Any]]:
        for control_set in self._facts.framework["control_sets"]:
            for control in control_set["controls"]:
                if control["id"] in self._facts.run["controls"]:
                    yield control

    def _sources(self, control: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        for source in control["sources"]:
            counts = self._facts.sources.get(source["id"], {})
            told = ", ".join(f"{counts.get(v, 0)} {words}" for v, words in _WORDS.items())
            name = source["keyword"] or "manual evidence"
            manual = source["type"] == "MANUAL"
            yield {
                "uuid": self._id("source", control["id"], source["id"]),
                "title": f"{control['id']}: {name}",
                "description": f"Records of the last run in this report: {told}.",
                "props": [
                    _prop("control-id", token(control["id"])),
                    _prop("source-type", source["type"]),
                    *([_prop("check", source["check"])] if source["check"] else []),
                    *(_prop(words, str(counts.get(v, 0))) for v, words in _WORDS.items()),
                ],
                "methods": ["EXAMINE" if manual else "TEST"],
                "types": ["control-objective"],
                "relevant-evidence": [
                    {
                        "href": f"#{self._id('evidence.jsonl')}",
                        "description": f"Records with source_id {source['id']}.",
                    }
                ],
                "collected": self._facts.run["finished_at"],
            }

    def _gaps(
        self, control: Mapping[str, Any], said: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        for reason, number in sorted(said["gaps"].items()):
            if not number or reason == "nothing_to_collect":
                continue
            yield {
                "uuid": self._id("gap", control["id"], reason),
                "title": f"{control['id']}: gap, {reason.replace('_', ' ')}",
                "description": f"{number} records say that something could not be observed: "
                f"{reason.replace('_', ' ')}. This is not a finding of compliance.",
                "props": [
                    _prop("control-id", token(control["id"])),
                    _prop("gap", reason),
                    _prop("records", str(number)),
                ],
                "methods": ["TEST"],
                "types": ["gap"],
                "collected": self._facts.run["finished_at"],
            }

    def _finding(
        self, control: Mapping[str, Any], said: Mapping[str, Any], seen: list[str]
    ) -> dict[str, Any]:
        """Return the finding; a partial control is never plainly satisfied."""
        verdict, manual = said["verdict"], said["manual"]
        whole = verdict == "COMPLIANT" and not manual
        words = _WORDS[verdict]
        if manual:
            words = f"automated part {words}, manual part {manual}"
        reason = "other" if manual and verdict == "COMPLIANT" else _REASON[verdict]
        return {
            "uuid": self._id("finding", control["id"]),
            "title": f"{control['id']}: {control['title']}",
            "description": control["statement"],
            "props": [
                _prop("verdict", verdict),
                _prop("judged", str(said["judged"])),
                _prop("expected", str(said["expected"])),
                *([_prop("manual-part", manual)] if manual else []),
            ],
            "target": {
                "type": "objective-id",
                "target-id": token(control["id"]),
                "title": control["title"],
                "status": {
                    "state": "satisfied" if whole else "not-satisfied",
                    "reason": reason,
                    "remarks": f"{words[0].upper()}{words[1:]}: {said['judged']} of "
                    f"{said['expected']} records that a check applies to were judged.",
                },
            },
            "related-observations": [{"observation-uuid": one} for one in seen],
        }

    def _id(self, *names: str) -> str:
        return str(uuid.uuid5(self._space, "\n".join(names)))


def _prop(name: str, value: str) -> dict[str, str]:
    return {"name": name, "ns": NAMESPACE, "value": " ".join(value.split())}
