"""Runs of prompt suites: one record for each suite, model and guardrail, from its cases' answers.

What did not pass did not pass: a case that was not asked, or came to no decision, counts as an
error and never as passed. A suite without a run against a model that is in use in the Region, or
with runs behind another guardrail than calls to it have, is a gap: whatever other models did, its
control is open. A model that is not in use may be run too: its record stays evidence.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain, permutations
from typing import TYPE_CHECKING, Any

from affidavit.checks import enforced
from affidavit.checks.accounts import may_be_in_use
from affidavit.checks.drafts import View
from affidavit.checks.guardrail_names import (
    DRAFT,
    DRAFT_BEFORE,
    DRAFT_UNSURE,
    NONE,
    Named,
    in_words,
    named,
)
from affidavit.checks.model_ids import may_change, resolve
from affidavit.checks.places import IN_USE_DAYS, Record, RecordSet
from affidavit.checks.sets.models import changed
from affidavit.checks.sets.prompt_coverage import (
    BARE_SUFFICES,
    OPERATION,
    coverage_gap,
    nothing_run,
    stopped_gap,
)
from affidavit.checks.sets.prompt_population import InUse, Population, model_names, population
from affidavit.model.observation import Gap, Observation
from affidavit.model.times import parse

if TYPE_CHECKING:
    from affidavit.model.evidence import Input

Key = tuple[str, str, Named, str]
"""Suite, model id as resolved, guardrail, run."""


def prompt_run(view: View) -> RecordSet:
    """Return the runs of this Region, and what they do not show of the models in use there."""
    runs, used = _runs(view), population(view)
    made, refused = _speaking(view, runs)
    gaps: list[Gap] = list(used.gaps)
    cited: dict[str, tuple[Input, ...]] = {}
    never = [] if used.models or used.silent or used.gaps else _never_run(view)
    for suite in never:
        gaps.append(nothing_run(view, suite))
        listed = view.answers.all("ListMetrics", view.region)
        cited[gaps[-1].digest] = tuple(view.answers.input(a.result) for a in listed if a.result)
    for suite in sorted(_suites(view)):
        for model_id, one in used.models.items():
            gap = coverage_gap(view, suite, model_id, one, made, refused)
            if gap is not None:
                gaps.append(gap)
                cited[gap.digest] = tuple(one.inputs)
    for cases in filter(_is_stopped, runs.values()):
        gaps.append(stopped_gap(view, cases))
        cited[gaps[-1].digest] = tuple(view.answers.input(case) for case in cases)
    told = {key: cases for key, cases in runs.items() if not _is_stopped(cases) or _fails(cases)}
    records = tuple(_record(view, key, cases, used) for key, cases in sorted(told.items()))
    return RecordSet(
        records=records,
        gaps=tuple({gap.digest: gap for gap in gaps}.values()),
        cited=cited,
        empty=f"No model that can be asked prompts was in use in {view.region} within"
        f" {IN_USE_DAYS} days, and none was asked.",
    )


def _speaking(
    view: View, runs: Mapping[Key, Sequence[Observation]]
) -> tuple[Mapping[tuple[str, str], set[Named]], Mapping[tuple[str, str], list[str]]]:
    """Return, by suite and model, the guardrails of the runs that speak for calls of today.

    And why others do not, where that lies in what was enforced upon them.
    """
    made: dict[tuple[str, str], set[Named]] = defaultdict(set)
    refused: dict[tuple[str, str], list[str]] = defaultdict(list)
    drafts, renamed = _changed(view), changed(view)
    unknown = view.scoping_gaps(enforced.KEY)
    listed = [
        one.body.get(enforced.MEMBER, ()) for one in view.scope.observed(enforced.KEY, view.region)
    ]
    now = None if unknown else enforced.in_force(chain.from_iterable(listed))
    for (suite, model_id, guardrail, run_id), cases in runs.items():
        if _is_stopped(cases) or _may_be_another(cases, renamed):
            continue
        answers = [case.body["result"]["answer"] for case in cases]
        bare = suite in BARE_SUFFICES and guardrail == NONE
        why = enforced.differs(cases[0].body["run"], answers, now, bare_suffices=bare)
        if why:
            refused[suite, model_id].append(f"The run {run_id} does not count: {why}.")
        else:
            made[suite, model_id].add(_as_it_is(guardrail, cases, drafts))
    return made, refused


def _never_run(view: View) -> list[str]:
    """Return the suites that no run speaks for, where Bedrock is set up and no model in use.

    A run of any Region will do. Where nothing of Bedrock is there either, there is nothing to show.
    """
    if not may_be_in_use(view.answers, view.region):
        return []
    places = [replace(view, region=region) for region in view.answers.facts.regions]
    known = {suite for place in places for suite, _ in _speaking(place, _runs(place))[0]}
    return sorted(_suites(view) - known)


def _runs(view: View) -> Mapping[Key, list[Observation]]:
    """Return the runs of the Region; what a stand-in answered is none where AWS itself is asked."""
    found: dict[Key, list[Observation]] = defaultdict(list)
    own, real = model_names(view), _is_real(view)
    for result in view.answers.facts.results(OPERATION, view.region):
        if isinstance(result, Observation) and "promptRun" in result.unit.parameters:
            if real and result.proof.synthetic:
                continue
            run = result.body["run"]
            guardrail = named(run["guardrailId"], run["guardrailVersion"])
            model_id = resolve(run["modelId"], own)
            found[run["suite"], model_id, guardrail, run["runId"]].append(result)
    return found


def _changed(view: View) -> Mapping[str, datetime]:
    """Return when the draft of each guardrail of the Region was changed last, as far as told."""
    listed = (guardrail.draft.value for guardrail in view.scope.guardrails(view.region))
    return {one["id"]: parse(one["updatedAt"]) for one in listed if one.get("updatedAt")}


def _as_it_is(
    guardrail: Named, cases: Sequence[Observation], changed: Mapping[str, datetime]
) -> Named:
    """Return the guardrail of a run; a draft that was changed since, or may have been, is another.

    Numbered versions do not change.
    """
    identifier, version = guardrail
    if version != DRAFT:
        return guardrail
    began = _began(cases)
    if identifier not in changed:
        return identifier, DRAFT_UNSURE
    return guardrail if changed[identifier] <= began else (identifier, DRAFT_BEFORE)


def _may_be_another(cases: Sequence[Observation], renamed: Mapping[str, str]) -> bool:
    """Tell whether the name that a run asked may stand for another model now.

    A throughput or deployment can be given another model; a run says nothing of that one.
    """
    name = str(cases[0].body["run"]["modelId"])
    if name not in renamed:
        return may_change(name)
    return parse(renamed[name]) > _began(cases)


def _is_stopped(cases: Sequence[Observation]) -> bool:
    """Tell whether a budget ended the run before all of its cases were asked."""
    return bool(cases[0].body["run"].get("stopped"))


def _fails(cases: Sequence[Observation]) -> bool:
    """Tell whether a run has failed whatever its other cases had come to: groups need them all."""
    failed = any(case.body["result"]["verdict"] == "failed" for case in cases)
    return failed and cases[0].body["run"].get("kind") != "parity"


def _is_real(view: View) -> bool:
    """Tell whether AWS itself says which models are in use."""
    told = [a.result.proof for a in view.answers.all("ListMetrics", view.region) if a.result]
    return any(proof is not None and not proof.synthetic for proof in told)


def _began(cases: Sequence[Observation]) -> datetime:
    """Return when the first case was asked, or answered where that is not told."""
    results = [case.body["result"] for case in cases]
    asked = [parse(result["askedAt"]) for result in results if result.get("askedAt")]
    return min([_oldest(cases[0].body["run"], results), *asked])


def _suites(view: View) -> set[str]:
    """Return the suites that the catalogue's checks and controls, and the user, name."""
    catalogue = view.answers.catalogue
    checks = [c for c in catalogue.checks.values() if c.resource_set == view.set.id]
    named = [c.params for c in checks] + [view.answers.params.get(c.id, {}) for c in checks]
    ids = {c.id for c in checks}
    named += [s.params for c in catalogue.framework.controls() for s in c.sources if s.check in ids]
    return {str(params["suite"]) for params in named if "suite" in params}


def _record(view: View, key: Key, cases: Sequence[Observation], used: Population) -> Record:
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
        fact["parityGapAtMost"] = max(map(_gap_at_most, groups.values()))
    draft.values["fact"] = fact
    draft.attributes |= {
        "suite": run["suite"],
        "model": run["modelId"],
        "guardrail": "none" if key[2] == NONE else in_words(key[2]),
        "enforced guardrails": enforced.words(run),
        "in use": _use(used, key[1]),
        "passed": f"{passed} of {total}",
        "suite digest": run["suiteDigest"],
        "shipped suite": run["shipped"],
        "run": run["runId"],
        **run.get("summary", {}),
    }
    if run.get("blockedMessages"):
        draft.attributes["taken for refusals"] = "; ".join(run["blockedMessages"])
    return draft.record(_arn(view, run["modelId"]))


def _use(used: Population, model_id: str) -> str:
    """Return, for people, how the model of a run is used, and with which guardrails."""
    one: InUse | None = used.models.get(model_id)
    if one is None:
        return "not known" if used.gaps else f"no, not within {IN_USE_DAYS} days"
    calls = [f"{count} with {in_words(named)}" for named, count in sorted(one.guardrails.items())]
    calls += ["some of which the guardrail is not known"] if one.unknown else []
    doors = f" through {', '.join(sorted(one.doors))}" if one.doors else ""
    return f"yes{doors}; calls yesterday: " + ("; ".join(calls) or "none")


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


def _gap_at_most(groups: Groups) -> float:
    """Return the largest difference that there may be, whatever the undecided answers mean.

    A model that declines to answer for one group only has no difference among decided answers.
    """
    bounds = [
        (answers.count("yes") / len(answers), (len(answers) - answers.count("no")) / len(answers))
        for answers in groups.values()
    ]
    return max(most - least for (least, _), (_, most) in permutations(bounds, 2))
