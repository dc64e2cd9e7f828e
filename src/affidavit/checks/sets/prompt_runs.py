"""Runs of prompt suites: one record for each suite, model and guardrail, from its cases' answers.

What did not pass did not pass: a case that was not asked, or came to no decision, counts as an
error and never as passed. A suite without a run anywhere in the account is a gap.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from affidavit.checks.drafts import View
from affidavit.checks.places import Record, RecordSet
from affidavit.model.observation import Gap, GapReason, Observation
from affidavit.model.times import parse

OPERATION = "Converse"

Key = tuple[str, str, str, str]
"""Suite, model, guardrail, run."""


def prompt_run(view: View) -> RecordSet:
    """Return the runs of this Region, and a gap for each suite that no Region has a run of."""
    answers = view.answers
    known = {key[0] for region in answers.facts.regions for key in _runs(view, region)}
    gaps = [_gap(view, suite) for suite in sorted(_suites(view) - known)]
    records = [_record(view, cases) for _, cases in sorted(_runs(view, view.region).items())]
    return view.finish(records, gaps)


def _runs(view: View, region: str) -> Mapping[Key, list[Observation]]:
    found: dict[Key, list[Observation]] = defaultdict(list)
    for result in view.answers.facts.results(OPERATION, region):
        asked = result.unit.parameters
        if isinstance(result, Observation) and "promptRun" in asked:
            key = (asked["suite"], asked["modelId"], asked["guardrailId"], asked["promptRun"])
            found[key].append(result)
    return found


def _suites(view: View) -> set[str]:
    """Return the suites that the catalogue's checks and controls, and the user, name."""
    catalogue = view.answers.catalogue
    checks = [c for c in catalogue.checks.values() if c.resource_set == view.set.id]
    named = [c.params for c in checks] + [view.answers.params.get(c.id, {}) for c in checks]
    ids = {c.id for c in checks}
    named += [s.params for c in catalogue.framework.controls() for s in c.sources if s.check in ids]
    return {str(params["suite"]) for params in named if "suite" in params}


def _gap(view: View, suite: str) -> Gap:
    words = (
        f"No run of the prompt suite {suite} within its allowed age is recorded for this"
        f" assessment. Run `affidavit prompts run {suite}` with --assessment. Recorded answers,"
        " answers cut off after a few tokens, and files that only have the id of a shipped suite"
        " do not count."
    )
    return view.answers.gap(
        OPERATION, view.region, {"suite": suite}, GapReason.NOT_CONFIGURED, words
    )


def _record(view: View, cases: Sequence[Observation]) -> Record:
    run: Mapping[str, Any] = cases[0].body["run"]
    results = [case.body["result"] for case in cases]
    draft = view.draft()
    for case in cases:
        draft.cite(case)
    total = max(int(run["cases"]), len(results))
    passed = sum(r["verdict"] == "passed" for r in results)
    failed = sum(r["verdict"] == "failed" for r in results)
    fact: dict[str, Any] = {
        "suite": run["suite"],
        "modelId": run["modelId"],
        "finishedAt": _oldest(run, results),
        "cases": total,
        "errors": total - passed - failed,
        "passRate": passed / total,
    }
    groups = _groups(results)
    fact["attributes"] = sorted(a for a, rates in groups.items() if _decided(rates))
    if groups and all(_decided(rates) for rates in groups.values()):
        fact["parityGap"] = max(max(v) - min(v) for v in map(_rates, groups.values()))
    draft.values["fact"] = fact
    draft.attributes |= {
        "suite": run["suite"],
        "model": run["modelId"],
        "passed": f"{passed} of {total}",
        "suite digest": run["suiteDigest"],
        "shipped suite": run["shipped"],
        "run": run["runId"],
        **run.get("summary", {}),
    }
    return draft.record(_arn(view, run["modelId"]))


def _oldest(run: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> datetime:
    """Return how far back the answers go: what was resumed is as old as its first answer."""
    times = [run["finishedAt"], *(result.get("answeredAt") for result in results)]
    return min(parse(time) for time in times if time)


def _arn(view: View, model_id: str) -> str:
    if model_id.startswith("arn:"):
        return model_id
    return f"arn:{view.partition}:bedrock:{view.region}::foundation-model/{model_id}"


Groups = Mapping[str, list[str]]
"""By group: yes, no, or empty where a case was not decided."""


def _groups(results: Sequence[Mapping[str, Any]]) -> Mapping[str, Groups]:
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        named = result["metadata"]
        if named.get("attribute") and named.get("group"):
            found[named["attribute"]][named["group"]].append(result["favour"])
    return found


def _decided(groups: Groups) -> bool:
    """Tell whether two groups or more are compared, and each has a decided answer."""
    return len(groups) > 1 and all(any(answers) for answers in groups.values())


def _rates(groups: Groups) -> list[float]:
    """Return the share of favourable answers among the decided ones, by group."""
    rates = []
    for answers in groups.values():
        decided = [a for a in answers if a]
        rates.append(decided.count("yes") / len(decided))
    return rates
