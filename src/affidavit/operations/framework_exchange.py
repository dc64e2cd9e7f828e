"""A custom framework as a file, with its controls, sources, rules and parameters; and back.

Custom controls stand in the file whole, each once; standard and core ones, which have the same ids
everywhere, by id. What an import makes has ids of its own and is written in one transaction: a
control never stands here without its rule and parameters. The framework carries the ARN that it
came from, so that an import that is run again makes nothing twice.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from affidavit import catalogue as catalogues
from affidavit.checks.own_rules import kept, to_keep
from affidavit.errors import UsageError
from affidavit.operations import assessment_frameworks, controls, frameworks, source_rules
from affidavit.operations.accounts import is_registered
from affidavit.operations.assessment_frameworks import MAX_FRAMEWORKS, new_framework
from affidavit.operations.caller import Caller
from affidavit.operations.changes import act_all
from affidavit.operations.context import Context
from affidavit.operations.control_admin import loaded, rule_in, told
from affidavit.operations.controls import MAX_CONTROLS, known_control, new_control, room
from affidavit.operations.custom_runs import is_shipped, require_framework
from affidavit.operations.dispatch import Dispatcher
from affidavit.operations.faults import Fault
from affidavit.operations.mapping_sources import PARAMETERS, RULE
from affidavit.operations.migrating import SOURCE, TAG, TEXTS, Check, Moved, free_tags
from affidavit.operations.users import principal_of
from affidavit.settings import Settings
from affidavit.store import open_store
from affidavit.store.documents import Document
from affidavit.store.places import check_tenant

FORM: Final = "affidavit-framework/1"
"""What the file's member `form` says."""
MAX_BYTES: Final = 8 * 2**20
_ORIGIN: Final = re.compile(r"arn:[!-~]{1,128}:assessmentFramework/[0-9a-f-]{36}")
_OF_FRAMEWORK: Final = ("name", "description", "complianceType")
_OF_CONTROL: Final = ("name", *TEXTS)

Plain = dict[str, Any]


def export(settings: Settings, tenant: str, framework_id: str) -> Plain:
    """Return a tenant's custom framework as it is written to a file."""
    with _opened(settings, tenant, framework_id) as (context, caller):
        return exported(context, caller, framework_id)


def config_rules(settings: Settings, tenant: str, framework_id: str) -> str:
    """Return the Config rules behind a tenant's framework as CSV."""
    with _opened(settings, tenant, framework_id) as (context, caller):
        return frameworks.config_rule_mapping(context, caller, framework_id)[1]


@contextmanager
def _opened(settings: Settings, tenant: str, framework_id: str) -> Iterator[tuple[Context, Caller]]:
    """Open the store for who reads a framework; `UsageError` says which there are."""
    check_tenant(tenant)
    with open_store(settings, create=False) as store:
        context = Context(store=store, catalogue=catalogues.load(), settings=settings)
        if is_shipped(context.catalogue, framework_id):
            raise UsageError(
                f"{framework_id} is the shipped framework, and no tenant's own",
                todo="Leave --tenant out.",
            )
        require_framework(store, context.catalogue, tenant, framework_id)
        yield context, Caller.of_tenant(tenant, "", "owner")


def exported(context: Context, caller: Caller, framework_id: str) -> Plain:
    """Return the same of an open store; a control that was deleted is left out."""
    body = assessment_frameworks.custom_framework(context, caller, framework_id).body
    numbers: dict[str, int] = {}
    held, sets = [], []
    for one in body["controlSets"]:
        refs: list[Plain] = []
        for identifier in (ref["id"] for ref in one["controls"]):
            own = context.store.documents.get(caller.tenant, "control", identifier)
            known = known_control(context, caller, identifier) if own is None else None
            if own is not None and own.id not in numbers:
                held.append(_control(own.body))
                numbers[own.id] = len(held)
            if own is not None:
                refs.append({"custom": numbers[own.id]})
            elif known is not None:
                refs.append({"id": identifier, "name": known["name"]})
        sets.append({"name": one["name"], "controls": refs})
    head = {"form": FORM, "from": body["arn"], **_given(body, _OF_FRAMEWORK)}
    return {**head, "tags": free_tags(body), "controls": held, "controlSets": sets}


def bring(settings: Settings, tenant: str, by: str, check: Check, path: Path) -> Moved:
    """Make the framework of a file for a tenant; tell what became of it.

    Raises `UsageError` for a file that holds none, and for a rule or parameter that cannot be used.
    """
    check_tenant(tenant)
    given = _read(path)
    with open_store(settings) as store:
        context = Context(store=store, catalogue=catalogues.load(), settings=settings)
        principal = principal_of(tenant.partition("/")[0], by)
        caller = Caller.of_tenant(tenant, principal, "owner")
        try:
            state, words = _Import(context, caller, check, given).made()
        except Fault as fault:
            state, words = "not made", f"{fault}"
    name = str(given.get("name", path.name))
    return Moved(kind="framework", name=name, state=state, words=words)


@dataclass(slots=True)
class _Import:
    """A file's framework on its way into a tenant."""

    context: Context
    caller: Caller
    check: Check
    given: Plain
    leaves: list[Plain] = field(default_factory=list)
    """Of the parameters that sources set."""

    def made(self) -> tuple[Any, str]:
        """Write all, or find it here; return the state, and what is to be said."""
        origin, documents = self.given["from"], self.context.store.documents
        for one in documents.every(self.caller.tenant, "framework"):
            if one.body.get("tags", {}).get(TAG) == origin:
                return "was here", f"It is {one.id}."
        made = [self._control(one) for one in _list(self.given, "controls")]
        framework = self._framework(made)
        changes = [controls.change("CREATE", one) for one in made]
        changes.append(assessment_frameworks.change("CREATE", framework))
        rules = [
            room(self.context, self.caller, "framework", MAX_FRAMEWORKS),
            room(self.context, self.caller, "control", MAX_CONTROLS, adding=len(made)),
        ]
        puts = [*made, framework]
        self._register()
        act_all(self.context, self.caller, changes, puts=puts, rules=rules, leaves=self.leaves)
        return "made", f"It is {framework.id}, with {len(made)} custom controls."

    def _register(self) -> None:
        """Register the tenant where it is not, as an import from AWS does."""
        if not is_registered(self.context, self.caller.tenant):
            admin = replace(self.caller, role="admin")
            Dispatcher(self.context)("RegisterAccount", admin, {})

    def _control(self, given: Mapping[str, Any]) -> Document:
        _refuse_others(given, (*_OF_CONTROL, "tags", "controlMappingSources"))
        sources = _list(given, "controlMappingSources")
        for one in sources:
            _refuse_others(one, (*SOURCE, "rule", "parameters"))
        bare = [_given(one, SOURCE) for one in sources]
        request = {**_given(given, (*_OF_CONTROL, "tags")), "controlMappingSources": bare}
        request = self.check("CreateControl", request)
        made = new_control(self.context, self.caller, request, free_tags(request))
        found = made.body["controlMappingSources"]
        for source, own in zip(found, sources, strict=True):
            self._carry(source, own, made.body["name"])
        return made

    def _carry(self, source: Plain, own: Mapping[str, Any], name: str) -> None:
        """Give a source the rule and the parameters that the file has for it."""
        if "rule" in own:
            rule, parameters = rule_in(own["rule"], f"the control {name}")
            read = source_rules.read_rule(self.context, source, rule, parameters)
            source[RULE] = to_keep(read)
        if "parameters" in own:
            why = f"imported with {self.given['from']}"
            values = own["parameters"]
            if not isinstance(values, dict):
                raise UsageError(f"The parameters of {name} are no names with values")
            kept, leaves = source_rules.read_parameters(
                self.context, self.caller, source, values, why
            )
            source |= {PARAMETERS: kept} if kept else {}
            self.leaves += leaves

    def _framework(self, made: list[Document]) -> Document:
        sets = [self._set(made, one) for one in _list(self.given, "controlSets")]
        request = {**_given(self.given, (*_OF_FRAMEWORK, "tags")), "controlSets": sets}
        request = self.check("CreateAssessmentFramework", request)
        tags = {**free_tags(request), TAG: self.given["from"]}
        ids = {one.id for one in made}
        return new_framework(self.context, self.caller, request, tags, ids)

    def _set(self, made: list[Document], given: Mapping[str, Any]) -> Plain:
        _refuse_others(given, ("name", "controls"))
        refs = [self._ref(made, one) for one in _list(given, "controls")]
        return {"name": given.get("name"), "controls": refs}

    def _ref(self, made: list[Document], ref: Mapping[str, Any]) -> Plain:
        _refuse_others(ref, ("custom",) if "custom" in ref else ("id", "name"))
        number = ref.get("custom")
        if number is None:
            return {"id": ref.get("id")}
        if not isinstance(number, int) or not 0 < number <= len(made):
            raise UsageError(f"The file has no control {number}", why=f"It has {len(made)}.")
        return {"id": made[number - 1].id}


def _control(body: Mapping[str, Any]) -> Plain:
    sources = []
    for one in body["controlMappingSources"]:
        source = _given(one, SOURCE)
        if RULE in one:
            source["rule"] = told(kept(one[RULE]))
        if PARAMETERS in one:
            source["parameters"] = dict(one[PARAMETERS])
        sources.append(source)
    return {
        **_given(body, _OF_CONTROL),
        "tags": free_tags(body),
        "controlMappingSources": sources,
    }


def _given(of: Mapping[str, Any], names: tuple[str, ...]) -> Plain:
    return {name: of[name] for name in names if of.get(name) not in (None, "")}


def _read(path: Path) -> Plain:
    """Return what a file holds, in the form that `exported` gives it."""
    given = loaded(path, MAX_BYTES)
    if not isinstance(given, dict) or given.get("form") != FORM:
        raise UsageError(
            f"{path} holds no framework",
            why=f"Its member form is not {FORM}.",
            todo="`affidavit framework export ID --tenant …` writes one.",
        )
    _refuse_others(given, (*_OF_FRAMEWORK, "form", "from", "tags", "controls", "controlSets"))
    if not _ORIGIN.fullmatch(str(given.get("from"))):
        why = "It does not say where it is from."
        raise UsageError(f"{path} holds no framework", why=why)
    return given


def _refuse_others(given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    """Refuse members of other names: a limit that is spelled wrongly would not be in force."""
    unknown = sorted(str(name) for name in set(given) - set(known))
    if unknown:
        raise UsageError("The file holds no framework", why=f"It names {', '.join(unknown)}.")


def _list(of: Mapping[str, Any], name: str) -> list[Plain]:
    """Return a member that is a list of objects; empty where it is not given."""
    found = of.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise UsageError("The file holds no framework", why=f"{name} is no list of objects.")
    return found
