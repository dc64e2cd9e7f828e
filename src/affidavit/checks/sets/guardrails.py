"""Records of guardrails, one for each version that is judged, and whether it is in use."""

from collections.abc import Iterator

from affidavit.checks.drafts import Draft, View
from affidavit.checks.fanout import guardrail_parameters
from affidavit.checks.listed import Found
from affidavit.checks.places import Record, RecordSet
from affidavit.checks.scoping import GUARDRAILS_NAMED_BY, ListedGuardrail, guardrail_id
from affidavit.model.observation import Gap, GapReason

GUARDING = frozenset({"READY", "UPDATING", "VERSIONING"})
"""Statuses in which a guardrail does what its configuration says; of others that is not known."""


def guardrail(view: View) -> RecordSet:
    """Return every guardrail at its highest numbered version (else DRAFT), and at those in use."""
    return view.finish((*_guardrails(view), *_foreign(view)), draft_gaps(view))


def draft_gaps(view: View) -> tuple[Gap, ...]:
    """Return why the list of guardrails is incomplete; unknown versions are a record's own gap."""
    gap = view.answers.ask("ListGuardrails", view.region, {}).gap
    return () if gap is None else (gap,)


def _guardrails(view: View) -> Iterator[Record]:
    named = view.scope.named_guardrails(view.region)
    for listed in view.scope.guardrails(view.region):
        naming = named.get(guardrail_id(listed.arn), [])
        shown = listed.latest or listed.draft
        if not view.answers.of(shown.source).body:
            continue
        newest = str(shown.value.get("version", "DRAFT"))
        draft = _draft(view, listed, shown)
        versions = view.answers.ask("ListGuardrails", view.region, listed.parameters)
        draft.cite(versions.result)
        if versions.gap is not None:
            draft.gaps["GetGuardrail"] = versions.gap
        else:
            _read(draft, listed, newest)
            _say_unnamed_version(draft, naming)
        _say_in_use(draft, listed, naming, any_named=bool(named))
        yield draft.record(listed.arn)
        for version, found in view.scope.versions_in_use(view.region, listed.arn).items():
            if version != newest or versions.gap is not None:
                yield _in_use(view, listed, version, found)


def _draft(view: View, listed: ListedGuardrail, shown: Found) -> Draft:
    draft = view.of(shown)
    draft.cite(listed.draft.source, listed.draft.pointer)
    draft.attributes |= {
        "name": shown.value.get("name"),
        "version": shown.value.get("version"),
        "status": shown.value.get("status"),
    }
    return draft


def _in_use(view: View, listed: ListedGuardrail, version: str, found: Found) -> Record:
    """Return the record of a version that something names, other than the newest."""
    draft = _draft(view, listed, listed.draft)
    draft.cite(found.source, found.pointer)
    draft.values["fact"] = {"inUse": True}
    draft.attributes["version"] = version
    _read(draft, listed, version)
    return draft.record(listed.arn)


def _read(draft: Draft, listed: ListedGuardrail, version: str) -> None:
    """Put in one version; unknown where the guardrail is in no state to do what it says."""
    parameters = guardrail_parameters(listed.arn, {"version": version})
    draft.join_ones(draft.view.region, parameters)
    read = draft.values.get("GetGuardrail")
    if read is not None and read.get("status") not in GUARDING:
        status = read.get("status", "in no status")
        words = f"Version {version} is {status}: whether it guards anything is not known."
        draft.unknown("GetGuardrail", "GetGuardrail", GapReason.FAILED, words)


def _say_unnamed_version(draft: Draft, naming: list[Found]) -> None:
    """Leave the guardrail open where something uses it and does not say which version."""
    for found in naming:
        if not found.value.get("guardrailVersion"):
            draft.cite(found.source, found.pointer)
            words = f"{found.source.operation} does not say which version is in use."
            draft.unknown("GetGuardrail", "GetGuardrail", GapReason.MALFORMED, words)
            return


def _say_in_use(
    draft: Draft, listed: ListedGuardrail, naming: list[Found], *, any_named: bool
) -> None:
    """Put in fact.inUse; unknown where a source that could name the guardrail is a gap."""
    view = draft.view
    if naming:
        draft.cite(naming[0].source, naming[0].pointer)
        draft.values["fact"] = {"inUse": True}
        return
    gaps = {key: view.scoping_gaps(key) for key, _ in GUARDRAILS_NAMED_BY}
    draft.cite_all(*gaps)
    if any(gaps.values()):
        draft.values["fact"] = {}
        draft.gaps["ListGuardrails"] = next(found[0] for found in gaps.values() if found)
        return
    ready = listed.draft.value.get("status") == "READY"
    draft.values["fact"] = {"inUse": not any_named and ready}


def _foreign(view: View) -> Iterator[Record]:
    """Yield what is named as a guardrail and not listed: of another account, or deleted."""
    if draft_gaps(view):
        return
    listed = {guardrail_id(one.arn) for one in view.scope.guardrails(view.region)}
    for name, found in sorted(view.scope.named_guardrails(view.region).items()):
        if name in listed:
            continue
        draft = view.draft()
        draft.cite_found(found)
        draft.values |= {"item": {}, "fact": {"inUse": True}}
        draft.attributes["name"] = name
        words = (
            f"The guardrail {name} is in use, but is not among the account's guardrails: it belongs"
            " to another account or was deleted."
        )
        for key in ("ListGuardrails", "GetGuardrail"):
            draft.unknown(key, key, GapReason.UNREACHABLE, words)
        yield draft.record(view.arn("bedrock", f"guardrail/{name}"))
