"""From what a person names (suite, model, endpoint, judge, …) to a run of prompts."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from affidavit import catalogue as catalogues
from affidavit.aws.bedrock import Runtime
from affidavit.aws.door import Door
from affidavit.aws.settings import AwsSettings
from affidavit.errors import UsageError
from affidavit.operations.prompt_aids import Aids
from affidavit.operations.prompt_enforced import Enforced, by_settings, nobody_asked
from affidavit.operations.prompt_runs import PromptRequest
from affidavit.prompts import imports
from affidavit.prompts.assertion_kinds import Instruments
from affidavit.prompts.assertions import Checker
from affidavit.prompts.bodies import Family
from affidavit.prompts.export.cases import Export, ExportSettings, export
from affidavit.prompts.export.files import files
from affidavit.prompts.imports import ImportSettings, answers_of
from affidavit.prompts.online import OnlineScorers
from affidavit.prompts.providers import Provider
from affidavit.prompts.runner import RunSettings
from affidavit.prompts.suite import Suite, shipped
from affidavit.prompts.suite import load as load_suite
from affidavit.prompts.target import Target
from affidavit.prompts.targets import BedrockTarget
from affidavit.prompts.targets_recorded import RecordedTarget, recording

NOBODY: Final = ""
"""Caller of a run that asked no model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptCall:
    """What a person asks for."""

    suite: str
    """Id of a shipped suite, or a file: YAML, or JSON lines or CSV that is imported."""
    model_id: str
    aws: AwsSettings
    how: RunSettings = field(default_factory=RunSettings)
    assertions: tuple[str, ...] = ()
    """For an imported file: `TYPE`, `TYPE:THRESHOLD`, or an assertion as JSON."""
    assessment: str = ""
    family: str = ""
    """What bodies the model has, where its id does not tell."""
    recorded: Path | None = None
    """A recording that answers in the model's place."""
    own_answers: bool = False
    """The answers that came with the suite are judged; no model is asked."""
    judge: str = ""
    """Id of the judge model."""
    online: bool = False
    """Guardrails may be asked by assertions."""
    aids: Aids = field(default_factory=Aids)
    blocked_messages: tuple[str, ...] = ()
    keep_raw: bool = False


def load(name: str, how: ImportSettings | None = None) -> Suite:
    """Return a suite: shipped (the begin of its id will do), a file of ours, or an imported one.

    Raises `UsageError`.
    """
    how = how or ImportSettings()
    if name.lower().endswith(imports.SUFFIXES):
        return imports.from_file(Path(name), how)
    if how.assertions:
        raise UsageError(
            "Assertions are named for imported files only",
            why="A suite of ours has its own.",
            todo="Write them into the suite.",
        )
    return load_suite(_in_full(name))


def provider(suite: str, model: str) -> Provider:
    """Return the model that is asked, with what the suite itself says of it.

    A suite names its models under `providers`; without `model` it names one. Another model than
    these is asked as it is. Raises `UsageError`.
    """
    imported = suite.lower().endswith(imports.SUFFIXES)
    known = () if imported else load_suite(_in_full(suite)).providers
    found = [one for one in known if model in {"", one.model_id}]
    if model and not found:
        return Provider(model_id=model)
    if len(found) == 1:
        return found[0]
    raise UsageError(
        f"{suite} names several models" if found else "No model is named",
        why=f"Its providers are {', '.join(one.model_id for one in found)}." if found else "",
        todo="Name one with --model.",
    )


def _in_full(name: str) -> str:
    """Return the shipped suite whose id begins with a name, where there is one: pii-masking."""
    begun = [one for one in shipped() if one.startswith(f"{name}-")]
    known = name in shipped() or Path(name).exists()
    return begun[0] if len(begun) == 1 and not known else name


@contextmanager
def opened(call: PromptCall) -> Iterator[PromptRequest]:
    """Yield the request; connections live as long as this does.

    Raises `UsageError` for what does not go together, `CredentialsError` where nobody may ask.
    """
    how = ImportSettings(
        assertions=tuple(map(assertion, call.assertions)),
        model=call.model_id if call.own_answers else "",
    )
    suite = load(call.suite, how)
    with ExitStack() as stack:
        asks = not (call.recorded or call.own_answers)
        runtime: Runtime | None = None
        account_id, caller_arn = "", NOBODY
        if asks or call.judge or call.online:
            with Door(call.aws) as door:
                identity = door.identity()
            account_id, caller_arn = identity.account_id, identity.arn
            runtime = stack.enter_context(Runtime(call.aws, region=call.aws.region))
        yield PromptRequest(
            suite=suite,
            target=_target(call, suite, runtime),
            model_id=call.model_id,
            how=call.how,
            assessment=call.assessment,
            account_id=account_id,
            caller_arn=caller_arn,
            region=call.aws.region,
            checker=_checker(call, runtime),
            scorers=_scorers(call),
            enforced=_enforced(call, account_id) if asks else nobody_asked,
            keep_raw=call.keep_raw,
        )


def assertion(text: str) -> dict[str, Any]:
    """Return the assertion that a person names on one line."""
    if text.lstrip().startswith("{"):
        try:
            entry = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"The assertion {text!r} is not JSON", why=str(error)) from error
        return dict(entry)
    name, colon, threshold = text.partition(":")
    if not colon:
        return {"type": name}
    try:
        return {"type": name, "threshold": float(threshold)}
    except ValueError as error:
        raise UsageError(
            f"The assertion {text!r} cannot be used",
            why="It is TYPE, TYPE:THRESHOLD, or an assertion as JSON.",
        ) from error


def _target(call: PromptCall, suite: Suite, runtime: Runtime | None) -> Target:
    if call.recorded and call.own_answers:
        raise UsageError(
            "Two recordings are named", todo="Give either --recorded or --own-answers."
        )
    if call.recorded:
        _require_apart(suite)
        return recording(call.recorded)
    if call.own_answers:
        return RecordedTarget(answers_of(suite), suite.id)
    assert runtime is not None  # noqa: S101 - a model is asked, so there is one
    return BedrockTarget(runtime, call.model_id, family=_family(call.family))


def _require_apart(suite: Suite) -> None:
    """Raise `UsageError` where cases differ in what a recording, which has prompts, leaves out."""
    before: dict[str, Any] = {}
    for case in suite.cases:
        told = case.system, case.messages
        if before.setdefault(case.prompt, told) != told:
            raise UsageError(
                "A recording cannot answer this suite",
                why=f"The case {case.id} ends with the prompt of another conversation.",
                todo="Ask a model, or split the suite.",
            )


def _enforced(call: PromptCall, account_id: str) -> Enforced:
    if not call.assessment:
        return nobody_asked
    return by_settings(call.aws, catalogues.load(), account_id, call.aws.region)


def _family(name: str) -> Family | None:
    if not name:
        return None
    try:
        return Family(name)
    except ValueError as error:
        raise UsageError(
            f"There is no family {name!r} of bodies",
            why=f"Known are {', '.join(sorted(Family))}.",
        ) from error


def _checker(call: PromptCall, runtime: Runtime | None) -> Checker:
    online = None
    if runtime is not None and (call.judge or call.online):
        online = OnlineScorers(
            judge_target=BedrockTarget(runtime, call.judge) if call.judge else None,
            runtime=runtime if call.online else None,
        )
    return Checker(
        instruments=Instruments(
            detectors=call.aids.detectors(),
            blocked_messages=call.blocked_messages,
            online=online,
            meaning=call.aids.sentence_model(),
        )
    )


def _scorers(call: PromptCall) -> str:
    named = {f"judge {call.judge}": call.judge, "guardrails": call.online}
    asked = [name for name, is_asked in named.items() if is_asked]
    return ", ".join([*asked, *call.aids.named])


def export_to(suite: str, how: ExportSettings, out: Path) -> Export:
    """Write a suite as a canary into a folder; raise `UsageError` where that cannot be."""
    done = export(load(suite), how)
    written = files(done)
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, data in written.items():
            (out / name).write_bytes(data)
    except OSError as error:
        raise UsageError(f"{out} cannot be written", why=str(error)) from error
    return done
