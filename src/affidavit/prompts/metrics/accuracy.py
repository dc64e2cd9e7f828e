"""Accuracy against references and labels, and how much of it a perturbed prompt costs."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from affidavit.prompts.metrics.intervals import difference, rate

Results = Sequence[Mapping[str, Any]]
PLAIN: Final = "plain"
"""The family whose prompts are not perturbed, in suites of robustness."""
PASSED: Final = "passed"


def accuracy(results: Results) -> dict[str, Any]:
    """Return exact match, quasi-exact match and mean word F1 of answers that have a reference.

    A case without an answer counts as wrong; so nothing looks better for having failed.
    """
    found = [r.get("measures", {}) for r in results if r.get("hasReference")]
    if not found:
        return {}
    return {
        "exactMatch": rate(sum(bool(m.get("exact")) for m in found), len(found)),
        "quasiExactMatch": rate(sum(bool(m.get("quasiExact")) for m in found), len(found)),
        "meanWordF1": sum(m.get("wordF1", 0.0) for m in found) / len(found),
    }


def classification(results: Results) -> dict[str, Any]:
    """Return accuracy, balanced accuracy, and for each label recall, precision and F1.

    Balanced accuracy is the mean of the labels' recalls, so that a frequent label does not hide a
    rare one. `confusion` counts by true label, then by predicted; the label "" names none, or more
    than one.
    """
    labelled = [r for r in results if r.get("label")]
    if not labelled:
        return {}
    confusion: dict[str, Counter[str]] = defaultdict(Counter)
    for one in labelled:
        confusion[one["label"]][one.get("measures", {}).get("predicted", "")] += 1
    by_label = {label: _scores(label, confusion) for label in sorted(confusion)}
    right = sum(counts[label] for label, counts in confusion.items())
    return {
        "accuracy": rate(right, len(labelled)),
        "balancedAccuracy": sum(s["recall"] for s in by_label.values()) / len(by_label),
        "labels": by_label,
        "confusion": {label: dict(sorted(c.items())) for label, c in sorted(confusion.items())},
    }


def _scores(label: str, confusion: Mapping[str, Counter[str]]) -> dict[str, float]:
    right = confusion[label][label]
    said = sum(counts[label] for counts in confusion.values())
    recall = right / confusion[label].total()
    precision = right / said if said else 0.0
    both = recall + precision
    return {
        "recall": recall,
        "precision": precision,
        "f1": 2 * recall * precision / both if both else 0.0,
    }


def robustness(results: Results) -> dict[str, Any]:
    """Return what each perturbation costs: its pass rate less that of the plain prompts."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for result in results:
        counts[result["family"]][0] += result["verdict"] == PASSED
        counts[result["family"]][1] += 1
    if PLAIN not in counts or len(counts) == 1:
        return {}
    plain = counts.pop(PLAIN)
    return {
        "plain": rate(plain[0], plain[1]),
        "perturbed": {
            family: {
                **rate(passed, of),
                "delta": difference((passed, of), (plain[0], plain[1])),
            }
            for family, (passed, of) in sorted(counts.items())
        },
    }
