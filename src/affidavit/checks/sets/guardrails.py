"""Records of guardrails, at the version that is judged, and whether each is in use."""

from collections.abc import Iterator

from affidavit.checks.drafts import Draft, View
from affidavit.checks.fanout import guardrail_parameters
from affidavit.checks.listed import Found
from affidavit.checks.places import Record, RecordSet
from affidavit.checks.scoping import ListedGuardrail
from affidavit.model.observation import Gap, GapReason

NAMED_BY = (
    ("ListEnforcedGuardrailsConfiguration", "guardrailsConfig[]"),
    ("ListAgents", "agentSummaries[].guardrailConfiguration"),
)
"""Operation and place of everything that puts a guardrail to use; invocation logs come later."""
IDENTIFIERS = ("guardrailArn", "guardrailId", "guardrailIdentifier")
"""Members that name the guardrail there, by ARN or id; `guardrailVersion` stands beside them."""


def guardrail(view: View) -> RecordSet:
    """Return every guardrail at its highest numbered version, else DRAFT."""
    return view.finish(_guardrails(view), draft_gaps(view))


def draft_gaps(view: View) -> tuple[Gap, ...]:
    """Return why the list of guardrails is incomplete; unknown versions are a record's own gap."""
    gap = view.answers.ask("ListGuardrails", view.region, {}).gap
    return () if gap is None else (gap,)


def _guardrails(view: View) -> Iterator[Record]:
    named = _named(view)
    for listed in view.scope.guardrails(view.region):
        shown = listed.latest or listed.draft
        if not view.answers.of(shown.source).body:
            continue
        draft = view.of(shown)
        draft.cite(listed.draft.source, listed.draft.pointer)
        versions = view.answers.ask("ListGuardrails", view.region, listed.parameters)
        draft.cite(versions.result)
        if versions.gap is not None:
            draft.gaps["GetGuardrail"] = versions.gap
        elif listed.latest is not None:
            asked = guardrail_parameters(listed.arn, listed.latest.value)
            draft.join_ones(view.region, asked)
        _say_in_use(draft, listed, named)
        _say_version(draft, listed, named)
        draft.attributes |= {
            "name": shown.value.get("name"),
            "version": shown.value.get("version"),
            "status": shown.value.get("status"),
        }
        yield draft.record(listed.arn)


def _named(view: View) -> dict[str, list[Found]]:
    """Return what names guardrails, by the id at the end of what is named."""
    named: dict[str, list[Found]] = {}
    for key, path in NAMED_BY:
        for found in view.readable(view.scope.found(key, view.region, path)):
            names = {_id(found.value[member]) for member in IDENTIFIERS if found.value.get(member)}
            for name in sorted(names):
                named.setdefault(name, []).append(found)
    return named


def _id(name: str) -> str:
    return name.rsplit("/", maxsplit=1)[-1]


def _say_version(draft: Draft, listed: ListedGuardrail, named: dict[str, list[Found]]) -> None:
    """Leave the guardrail open where another version than the one that is read is in use."""
    read = (listed.latest or listed.draft).value.get("version")
    for found in named.get(_id(listed.arn), ()):
        used = found.value.get("guardrailVersion")
        if used not in (None, read) and "GetGuardrail" not in draft.gaps:
            draft.cite(found.source, found.pointer)
            draft.gaps["GetGuardrail"] = draft.view.answers.gap(
                "GetGuardrail",
                draft.view.region,
                guardrail_parameters(listed.arn, {"version": used}),
                GapReason.NOT_CONFIGURED,
                f"Version {used} is in use; only the newest version, {read}, is read.",
            )
            return


def _say_in_use(draft: Draft, listed: ListedGuardrail, named: dict[str, list[Found]]) -> None:
    """Put in fact.inUse; unknown where a source that could name the guardrail is a gap."""
    view = draft.view
    naming = named.get(_id(listed.arn))
    if naming is not None:
        draft.cite(naming[0].source, naming[0].pointer)
        draft.values["fact"] = {"inUse": True}
        return
    gaps = {key: view.scoping_gaps(key) for key in dict(NAMED_BY)}
    if any(gaps.values()):
        draft.values["fact"] = {}
        draft.gaps["ListGuardrails"] = next(found[0] for found in gaps.values() if found)
        draft.cite_all(*gaps)
        return
    draft.cite_all(*gaps)
    ready = listed.draft.value.get("status") == "READY"
    draft.values["fact"] = {"inUse": not named and ready}
