"""What runs of prompts do not show: models in use, and guardrails of their calls, without a run.

A run says something of calls that have the same guardrail in the same version, or none as it had
none: a guardrail masks and blocks, so that answers behind it are others. Only that personal data
does not leave is shown by a run without guardrail for calls with one, for a guardrail adds none.
Calls of which the guardrail is not known are judged by a run without one.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from affidavit.checks.drafts import View
from affidavit.checks.guardrail_names import NONE, UNKNOWN, Named, in_words
from affidavit.checks.places import IN_USE_DAYS
from affidavit.checks.sets.prompt_population import InUse
from affidavit.model.observation import Gap, GapReason, Observation

OPERATION: Final = "Converse"
BARE_SUFFICES: Final = frozenset({"pii-masking"})
"""Suites of which a passed run without guardrail speaks for calls with any."""

Runs = Mapping[tuple[str, str], Collection[Named]]
"""By suite and model id: the guardrails of the runs that there are."""
Refused = Mapping[tuple[str, str], Sequence[str]]
"""By suite and model id: why runs do not count, each a sentence."""


def coverage_gap(
    view: View, suite: str, model_id: str, used: InUse, runs: Runs, refused: Refused
) -> Gap | None:
    """Return what the runs of a suite do not show of a model in use; None: they show all."""
    made = runs.get((suite, model_id), ())
    lacking = list(_lacking(suite, used, made))
    if not lacking:
        return None
    known = used.invocations is not None and used.invocations > 0
    often = f" ({used.invocations:.0f} invocations in {IN_USE_DAYS} days)" if known else ""
    doors = f" through {', '.join(sorted(used.doors))}" if used.doors else ""
    words = f"The model {used.name} is in use{doors}{often}. " + " ".join(
        [*lacking, *refused.get((suite, model_id), ()), *_commands(view, suite, used, made)]
    )
    asked = {"suite": suite, "modelId": model_id}
    return view.answers.gap(OPERATION, view.region, asked, GapReason.NOT_CONFIGURED, words)


def nothing_run(view: View, suite: str) -> Gap:
    """Return that a suite was run against no model, where none is in use but Bedrock is set up."""
    words = (
        f"No model was in use in {view.region} within {IN_USE_DAYS} days, and no run of the prompt"
        f" suite {suite} within its allowed age that counts is recorded for this assessment"
        " (answers of a stand-in for AWS do not): nothing is shown."
        f" Run `affidavit prompts run {suite}` with --model and --assessment."
    )
    return view.answers.gap(
        OPERATION, view.region, {"suite": suite}, GapReason.NOT_CONFIGURED, words
    )


def stopped_gap(view: View, cases: Sequence[Observation]) -> Gap:
    """Return that a run was ended by its budget: what was not asked is not known."""
    run = cases[0].body["run"]
    words = (
        f"The run {run['runId']} of the prompt suite {run['suite']} against {run['modelId']} was"
        f" ended by its budget: {len(cases)} of {run['cases']} cases were asked, and it shows"
        " nothing but what failed. Run it again with a budget that suffices."
    )
    asked = {"suite": run["suite"], "modelId": run["modelId"], "promptRun": run["runId"]}
    return view.answers.gap(OPERATION, view.region, asked, GapReason.NOT_CONFIGURED, words)


def _lacking(suite: str, used: InUse, made: Collection[Named]) -> Iterator[str]:
    if not made:
        yield (
            f"No run of the prompt suite {suite} against it within its allowed age is recorded for"
            " this assessment. Recorded answers, answers cut off after a few tokens, files that"
            " only have the id of a shipped suite or of one of yours, earlier versions of yours,"
            " answers of a stand-in for AWS, runs that their"
            " budget ended, and runs by the name of a throughput, deployment or endpoint that was"
            " changed since, or is not listed, do not count."
        )
        return
    for guardrail, count in sorted(used.guardrails.items()):
        if not _covered(suite, guardrail, made):
            yield (
                f"{count} of its calls yesterday had {in_words(guardrail)}, and the runs of the"
                f" suite {suite} had {_had(made)}."
            )
    if used.unknown and NONE not in made:
        yield (
            "Which guardrail all of its calls yesterday had is not known (no log has them whole),"
            f" and every run of the suite {suite} had one."
        )


def _had(made: Collection[Named]) -> str:
    return ", ".join(in_words(one) for one in sorted(made))


def _covered(suite: str, guardrail: Named, made: Collection[Named]) -> bool:
    if UNKNOWN not in guardrail and guardrail in made:
        return True
    return suite in BARE_SUFFICES and NONE in made


def _needed(suite: str, used: InUse, made: Collection[Named]) -> list[Named]:
    """Return the guardrails with which the suite is to be run, as far as they are known."""
    needed = [one for one in sorted(used.guardrails) if not _covered(suite, one, made)]
    if (used.unknown and NONE not in made) or not (made or needed):
        needed.append(NONE)
    return list(dict.fromkeys(needed))


def _commands(view: View, suite: str, used: InUse, made: Collection[Named]) -> Iterator[str]:
    """Yield what is to be done, one sentence for each run."""
    for identifier, version in _needed(suite, used, made):
        if version == UNKNOWN:
            yield (
                "Let callers use Converse, whose log names the guardrail, or have InvokeModel's"
                " trace on."
            )
            continue
        guarded = f" --guardrail {identifier} --guardrail-version {version}" if identifier else ""
        yield (
            f"Run `affidavit prompts run {suite} --model {used.name} --region {view.region}"
            f"{guarded} --assessment NAME`."
        )
