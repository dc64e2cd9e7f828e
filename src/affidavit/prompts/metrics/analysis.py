"""Error analysis: what fails where, which cases are worst, and what changed since the last run."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from affidavit.prompts.metrics.intervals import difference

Result = Mapping[str, Any]
WORST: Final = 10
_SHOWN: Final = 160
"""Characters of a prompt that are shown of a worst case."""
_MOST_REASONS: Final = 20


def by_category(results: Sequence[Result]) -> dict[str, Any]:
    """Return, by family, verdicts, failed assertions and the kinds of errors."""
    found: dict[str, dict[str, Counter[str]]] = defaultdict(
        lambda: {"verdicts": Counter(), "failedAssertions": Counter(), "errors": Counter()}
    )
    for result in results:
        counts = found[result["family"]]
        counts["verdicts"][result["verdict"]] += 1
        for outcome in result["outcomes"]:
            if outcome["value"] is False:
                counts["failedAssertions"][outcome["assertion"]] += 1
        if result["answer"].get("errorKind"):
            counts["errors"][result["answer"]["errorKind"]] += 1
    return {
        family: {name: dict(sorted(c.items())) for name, c in counts.items()}
        for family, counts in sorted(found.items())
    }


def worst_cases(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Return the cases that failed most of their repetitions, then by how badly."""
    cases: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        cases[result["case"].partition("#")[0]].append(result)
    failed = {
        case: one for case, one in cases.items() if any(r["verdict"] == "failed" for r in one)
    }

    def badness(case: str) -> tuple[float, float, str]:
        repeats = failed[case]
        share = sum(r["verdict"] == "failed" for r in repeats) / len(repeats)
        scores = [o["score"] for r in repeats for o in r["outcomes"] if o["value"] is False]
        return -share, sum(scores) / len(scores) if scores else 1.0, case

    return [_worst(case, failed[case]) for case in sorted(failed, key=badness)[:WORST]]


def _worst(case: str, repeats: Sequence[Result]) -> dict[str, Any]:
    reasons = Counter(
        f"{o['assertion']}: {o['reason']}"
        for r in repeats
        for o in r["outcomes"]
        if o["value"] is False
    )
    prompt = repeats[0]["request"].get("prompt", "")
    return {
        "case": case,
        "family": repeats[0]["family"],
        "prompt": prompt if len(prompt) <= _SHOWN else f"{prompt[:_SHOWN]}…",
        "failed": sum(r["verdict"] == "failed" for r in repeats),
        "of": len(repeats),
        "reasons": [reason for reason, _ in reasons.most_common(_MOST_REASONS)],
    }


def by_model(bodies: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the newest kept run of each model, guardrail and suite version, best first."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for body in bodies:
        run, cases = body["run"], body["cases"]
        key = (run["modelId"], run["guardrailId"], run["guardrailVersion"], run["suiteDigest"])
        passed = sum(case["verdict"] == "passed" for case in cases)
        row = {
            "modelId": run["modelId"],
            "guardrailId": run["guardrailId"],
            "guardrailVersion": run["guardrailVersion"],
            "suiteDigest": run["suiteDigest"],
            "runId": run["runId"],
            "finishedAt": run["finishedAt"],
            "passed": passed,
            "cases": len(cases),
        }
        found.setdefault(key, row)
    return sorted(
        found.values(), key=lambda row: (-row["passed"] / max(1, row["cases"]), row["runId"])
    )


def drift(before: Mapping[str, Any] | None, now: Sequence[Result], digest: str) -> dict[str, Any]:
    """Return what changed since the last run of the same suite, model, guardrail and place.

    Cases are told apart by place and prompt, so those of another version of the suite that stayed
    the same are compared too. The difference of pass rates is over these only.
    """
    if before is None:
        return {}
    earlier = {case["case"]: case["verdict"] for case in before["cases"]}
    shared = [(r["case"], earlier[r["case"]], r["verdict"]) for r in now if r["case"] in earlier]
    passed = (sum(v == "passed" for _, _, v in shared), sum(v == "passed" for _, v, _ in shared))
    return {
        "previousRun": before["run"]["runId"],
        "previousFinishedAt": before["run"]["finishedAt"],
        "suiteChanged": before["run"]["suiteDigest"] != digest,
        "compared": len(shared),
        "broken": [case for case, was, is_ in shared if was == "passed" and is_ != "passed"],
        "mended": [case for case, was, is_ in shared if was != "passed" and is_ == "passed"],
        "otherwise": [
            case for case, was, is_ in shared if was != is_ and "passed" not in {was, is_}
        ],
        "passRate": difference((passed[0], len(shared)), (passed[1], len(shared))),
    }
