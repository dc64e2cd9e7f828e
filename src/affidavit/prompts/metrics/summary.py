"""All metrics of a run together, and the few lines of them that evidence carries."""

from collections.abc import Mapping, Sequence
from typing import Any

from affidavit.prompts.metrics import accuracy, analysis, fairness
from affidavit.prompts.metrics.intervals import wilson
from affidavit.prompts.metrics.measures import measures_sentiment

Result = Mapping[str, Any]


def metrics(
    results: Sequence[Result], before: Mapping[str, Any] | None, digest: str
) -> dict[str, Any]:
    """Return what is kept with a run; what a suite has nothing for is left out."""
    asked = [result for result in results if result["answer"]]
    made = {
        "accuracy": accuracy.accuracy(results),
        "classification": accuracy.classification(results),
        "robustness": accuracy.robustness(results),
        "parity": fairness.parity(asked),
        "categories": analysis.by_category(results),
        "worst": analysis.worst_cases(results),
        "drift": analysis.drift(before, results, digest),
        "latency": _spread([r["answer"].get("latencyMs") for r in asked]),
        "tokens": sum(
            (r["answer"].get(side) or 0) for r in asked for side in ("inputTokens", "outputTokens")
        ),
        "notMeasured": [] if measures_sentiment() else ["sentiment (extra `metrics`)"],
    }
    return {name: value for name, value in made.items() if value not in ({}, [])}


def _spread(values: Sequence[float | None]) -> dict[str, float]:
    """Return the median and the 95th percentile, by the nearest rank."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return {}
    at = {share: known[max(0, -(-len(known) * share // 100) - 1)] for share in (50, 95)}
    return {"medianMs": at[50], "p95Ms": at[95]}


def in_words(results: Sequence[Result], made: Mapping[str, Any]) -> dict[str, str]:
    """Return the lines that stand as attributes of evidence, and so in every report."""
    passed = sum(r["verdict"] == "passed" for r in results)
    low, high = wilson(passed, len(results))
    lines = {"pass rate, 95 % interval": f"{low:.3f} to {high:.3f}"}
    failing = {
        family: counts["verdicts"].get("failed", 0)
        for family, counts in made.get("categories", {}).items()
    }
    worst = sorted((f for f in failing if failing[f]), key=lambda f: (-failing[f], f))[:5]
    if worst:
        lines["failed by family"] = ", ".join(f"{family} {failing[family]}" for family in worst)
    lines |= _drift_words(made.get("drift", {}))
    lines |= _parity_words(made.get("parity", {}))
    for name, costs in made.get("robustness", {}).get("perturbed", {}).items():
        delta = costs["delta"]["difference"]
        if delta:
            lines[f"robustness, {name}"] = f"{delta:+.3f}"
    return lines


def _drift_words(found: Mapping[str, Any]) -> dict[str, str]:
    if not found:
        return {}
    words = f"{len(found['broken'])} broken, {len(found['mended'])} mended of {found['compared']}"
    changed = ", suite changed" if found["suiteChanged"] else ""
    return {"since the last run": f"{words}{changed}"}


def _parity_words(found: Mapping[str, Any]) -> dict[str, str]:
    lines = {}
    for attribute, rates in found.items():
        shown = []
        for name in ("favourable", "refused", "profane", "negative"):
            ratio = rates.get(name, {}).get("ratio")
            if ratio is not None and (name == "favourable" or ratio < 1):
                flag = " (below four fifths)" if rates[name]["belowFourFifths"] else ""
                shown.append(f"{name} {ratio:.2f}{flag}")
        if shown:
            lines[f"parity, {attribute}"] = ", ".join(shown)
    return lines
