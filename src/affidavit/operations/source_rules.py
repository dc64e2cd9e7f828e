"""Rules and parameters that a custom control's sources carry beside what Audit Manager knows.

A rule judges what an API call's source collects; parameters are those of the check that a Config
rule's or a core control's source is judged by. Each act stands in the ledger with the old and the
new. Both count from the next collection on, as all edits of a control's sources do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from affidavit.catalogue.framework_files import SEVERITIES
from affidavit.checks.own_rules import check_parameters, kept, to_keep
from affidavit.checks.rules import effective_parameters
from affidavit.collector import api_calls
from affidavit.collector.custom import with_records
from affidavit.collector.limited import Limited
from affidavit.errors import UsageError
from affidavit.model.canonical import plain_json
from affidavit.model.catalogue import Catalogue, Check
from affidavit.model.framework import Rule
from affidavit.operations import looking
from affidavit.operations.caller import Caller
from affidavit.operations.changes import act_all
from affidavit.operations.collectable import sources_of
from affidavit.operations.context import Context
from affidavit.operations.controls import change, control, custom_control, updated
from affidavit.operations.faults import NotFoundFault
from affidavit.operations.mapping_sources import PARAMETERS, RULE, asks, own_of
from affidavit.store import records
from affidavit.store.documents import Document

OPERATION: Final = "UpdateControl"
"""Of the API: who may change a control may change what its sources carry."""
MAX_TEXT, MAX_WORDS = 4_000, 1_000
"""Characters of an expression and of the parameters; of what must hold, and of what to do."""
_API: Final = "AWS_API_Call"


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A source of a control, and what it carries."""

    source_id: str
    type: str
    keyword: str
    name: str
    rule: Rule | None
    parameters: Mapping[str, Any]
    """Those that were set."""
    check: Check | None
    """Whose parameters can be set; None where there are none."""

    @property
    def takes_rule(self) -> bool:
        """Tell whether a rule may be kept with it."""
        return self.type == _API

    @property
    def parameters_json(self) -> str:
        """Return the parameters that were set as a form shows them; empty for none."""
        return plain_json(dict(self.parameters)).decode() if self.parameters else ""


def rule_of(texts: Mapping[str, str]) -> Rule:
    """Return the rule of a form, without parameters; `UsageError` for texts that are too long."""
    for name in ("applies", "compliant", "inconclusive", "params"):
        if len(texts.get(name, "")) > MAX_TEXT:
            raise UsageError(f"{name} is too long", why=f"It may have {MAX_TEXT:,} characters.")
    if not texts.get("compliant", ""):
        raise UsageError("There is no rule", todo="Say when a record is compliant.")
    return Rule(
        resource_set=texts.get("set", ""),
        applies=texts.get("applies") or "true",
        compliant=texts["compliant"],
        inconclusive=texts.get("inconclusive", ""),
        words=texts.get("words", ""),
        remedy=texts.get("remedy", ""),
        severity=texts.get("severity") or "medium",
    )


def carried(context: Context, caller: Caller, control_id: str) -> list[Carried]:
    """Return the sources of a control with what they carry; of a custom one, there may be some."""
    looking.require(context, caller, "GetControl")
    document = context.store.documents.get(caller.tenant, "control", control_id)
    given = (document.body if document is not None else control(context, caller, control_id))[
        "controlMappingSources"
    ]
    return [_carried(context, source) for source in given]


def carried_at(context: Context, caller: Caller, at: tuple[str, str]) -> tuple[str, Carried]:
    """Return a source, `at` (control, source), and the name of its control."""
    looking.require(context, caller, "GetControl")
    document, source = _found(context, caller, at)
    return document.body["name"], _carried(context, source)


def about(context: Context, carried: Carried) -> str:
    """Return the kind of record that a source's answers make; empty where none is made of them.

    Of an API call of Audit Manager's it is everything that the call answers, as its evidence is
    without a rule; the catalogue's kinds know more of fewer things.
    """
    if carried.keyword in api_calls.keywords():
        return carried.keyword
    asked = {one.key for one in api_calls.operations_of(context.catalogue, carried.keyword)}
    sets = context.catalogue.resource_sets.values()
    listed = (one.id for one in sets if one.item_operation in asked)
    joined = (one.id for one in sets if asked & {join.operation for join in one.joins})
    return next(listed, "") or next(joined, "")


def places(context: Context, caller: Caller) -> list[tuple[str, str, Carried]]:
    """Return every source that may keep a rule with its control's id and name, by that name."""
    looking.require(context, caller, "ListControls")
    return [
        (one.id, one.body["name"], carried)
        for one in context.store.documents.every(caller.tenant, "control")
        for source in one.body["controlMappingSources"]
        if (carried := _carried(context, source)).takes_rule
    ]


def set_rule(
    context: Context,
    caller: Caller,
    at: tuple[str, str],
    rule: Rule,
    parameters: str = "",
) -> Rule:
    """Keep a rule with a source, `at` (control, source); return it with what it reads.

    `parameters` is the JSON of p. `UsageError` for a rule that cannot be used: one that does not
    compile, reads what no answer has, or reads nothing of what the source collects.
    """
    looking.require(context, caller, OPERATION)
    document, source = _found(context, caller, at)
    rule = read_rule(context, source, rule, parameters)
    _put(context, caller, document, at[1], {RULE: to_keep(rule)})
    return rule


def read_rule(context: Context, source: Mapping[str, Any], rule: Rule, parameters: str) -> Rule:
    """Return a rule for a source with what it reads; `UsageError` for one that cannot be used."""
    _check_texts(rule)
    catalogue = with_records(context.catalogue, rule.resource_set)
    with Limited() as limited:
        rule = limited.read(catalogue, rule, parameters)
    keyword = source["sourceKeyword"].get("keywordValue", "")
    _require_read(catalogue, source["sourceType"], keyword, rule)
    return rule


def clear_rule(context: Context, caller: Caller, at: tuple[str, str]) -> None:
    """Take the rule off a source: what it collects decides nothing from then on."""
    looking.require(context, caller, OPERATION)
    document, source = _found(context, caller, at)
    if RULE not in source:
        raise UsageError("The source has no rule")
    _put(context, caller, document, at[1], {RULE: None})


def set_parameters(
    context: Context, caller: Caller, at: tuple[str, str], values: Mapping[str, Any], why: str = ""
) -> None:
    """Set the parameters of the check behind a source; those not given are the catalogue's again.

    `UsageError` for a source without a check of the catalogue, and for a parameter that the check
    does not have or that is of another kind.
    """
    looking.require(context, caller, OPERATION)
    document, source = _found(context, caller, at)
    own, leaves = read_parameters(context, caller, source, values, why)
    if leaves:
        _put(context, caller, document, at[1], {PARAMETERS: own or None}, leaves=leaves)


def read_parameters(
    context: Context, caller: Caller, source: Mapping[str, Any], values: Mapping[str, Any], why: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return parameters of a source where they differ from the catalogue's, with their leaves."""
    check = _check(context, source)
    if check is None:
        raise UsageError(
            "The source has no parameters",
            why="It is judged by no check of the catalogue, or by one that has none.",
        )
    unknown = sorted(set(values) - set(check.params))
    if unknown:
        raise UsageError(
            f"The check {check.id} has no parameter {unknown[0]}",
            why=f"It has {', '.join(sorted(check.params))}.",
        )
    check_parameters(values)
    effective = effective_parameters(check, {}, values)
    own = {name: effective[name] for name in values if effective[name] != check.params[name]}
    before = source.get(PARAMETERS, {})
    leaves = [
        records.parameter(
            context.now(),
            {"value": own.get(name), "default": check.params.get(name)},
            assessment_id="",
            check_id=check.id,
            name=name,
            by=caller.principal_arn,
            why=why,
        )
        for name in sorted({*own, *before})
        if own.get(name) != before.get(name)
    ]
    return own, leaves


def copy(context: Context, caller: Caller, of: tuple[str, str], to: tuple[str, str]) -> None:
    """Give a source of a new control what the source that it was copied from carries.

    Both are (control, source). Nothing is given where the two ask for different things.
    """
    looking.require(context, caller, OPERATION)
    origin = context.store.documents.get(caller.tenant, "control", of[0])
    if origin is None:
        return
    document, source = _found(context, caller, to)
    for one in origin.body["controlMappingSources"]:
        given = own_of(one)
        if given and one["sourceId"] == of[1] and asks(one) == asks(source):
            _put(context, caller, document, to[1], given)


def _carried(context: Context, source: Mapping[str, Any]) -> Carried:
    return Carried(
        source_id=source.get("sourceId", ""),
        type=source["sourceType"],
        keyword=source.get("sourceKeyword", {}).get("keywordValue", ""),
        name=source.get("sourceName", ""),
        rule=kept(source[RULE]) if source.get(RULE) else None,
        parameters=source.get(PARAMETERS, {}),
        check=_check(context, source),
    )


def _check(context: Context, source: Mapping[str, Any]) -> Check | None:
    """Return the one check of the catalogue behind a Config rule or a core control."""
    if source["sourceType"] not in ("AWS_Config", "Core_Control"):
        return None
    found = sources_of(context.catalogue, "", [source])
    check = context.catalogue.checks.get(found[0].check)
    return check if check is not None and check.params else None


def _found(
    context: Context, caller: Caller, at: tuple[str, str]
) -> tuple[Document, Mapping[str, Any]]:
    document = custom_control(context, caller, at[0])
    for source in document.body["controlMappingSources"]:
        if source["sourceId"] == at[1]:
            return document, source
    raise NotFoundFault(at[1], "source")


def _check_texts(rule: Rule) -> None:
    for name, text in (("words", rule.words), ("remedy", rule.remedy)):
        if len(text) > MAX_WORDS:
            raise UsageError(f"{name} is too long", why=f"It may have {MAX_WORDS:,} characters.")
    if rule.severity not in SEVERITIES:
        raise UsageError(
            f"There is no severity {rule.severity!r}", why=f"It is one of {', '.join(SEVERITIES)}."
        )


def _require_read(catalogue: Catalogue, kind: str, keyword: str, rule: Rule) -> None:
    """Raise `UsageError` where a rule is about something else than its source collects."""
    if kind != _API:
        raise UsageError(
            "Only a source of the type AWS_API_Call can have a rule",
            why="AWS Config, Security Hub and the catalogue's checks judge by themselves.",
        )
    asked = {one.key for one in api_calls.operations_of(catalogue, keyword)}
    if not asked & set(rule.operations):
        raise UsageError(
            f"The rule reads nothing of what {keyword} answers",
            why=f"It reads {', '.join(rule.operations) or 'no answer'}.",
            todo="Keep it with a source of one of these API calls.",
        )


def _put(
    context: Context,
    caller: Caller,
    document: Document,
    source_id: str,
    given: Mapping[str, Any],
    leaves: list[dict[str, Any]] | None = None,
) -> Document:
    """Write members of a source (None: taken off) with their change; return the document."""
    sources, told = [], {}
    for one in document.body["controlMappingSources"]:
        if one["sourceId"] != source_id:
            sources.append(one)
            continue
        told = {name.strip("_"): [one.get(name), value] for name, value in given.items()}
        kept = {name: value for name, value in {**one, **given}.items() if value is not None}
        sources.append(kept)
    body = document.body | {"controlMappingSources": sources} | updated(context, caller)
    put = replace(document, body=body)
    said = replace(
        change("UPDATE_METADATA", put), details={"source": source_id, "old_and_new": told}
    )
    act_all(context, caller, [said], puts=[put], leaves=leaves or [])
    return put
