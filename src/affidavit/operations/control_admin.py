"""Rules and parameters of custom controls from the command line, and rules from files."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from affidavit.errors import UsageError
from affidavit.model.canonical import json_values
from affidavit.model.framework import Rule
from affidavit.operations import source_rules
from affidavit.operations.as_owner import as_owner
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.parameters import UNREADABLE
from affidavit.operations.source_rules import Carried
from affidavit.settings import Settings

MAX_BYTES: Final = 64 * 2**10
"""Of a file with a rule."""
_TEXTS: Final = ("about", "compliant", "applies", "inconclusive", "words", "remedy", "severity")


class _Plain(yaml.SafeLoader):
    """Reads plain values: aliases could make gigabytes of a short file."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("It uses an alias (*), which is not taken here.")
        return super().compose_node(parent, index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A source of a custom control."""

    tenant: str
    control: str
    """Its id."""
    source: str = ""
    """Its id, or its keyword where only one source of the control has it."""
    by: str = ""


def show(settings: Settings, place: Place) -> list[dict[str, Any]]:
    """Return the sources of a control with what they carry."""
    with _opened(settings, place) as (_context, _caller, found):
        return [_told(one) for one in found]


def set_rule(settings: Settings, place: Place, path: Path) -> Rule:
    """Keep the rule of a YAML file with a source."""
    rule, parameters = rule_in(loaded(path, MAX_BYTES), str(path))
    with _opened(settings, place) as (context, caller, found):
        return source_rules.set_rule(context, caller, _at(place, found), rule, parameters)


def clear_rule(settings: Settings, place: Place) -> None:
    """Take the rule off a source."""
    with _opened(settings, place) as (context, caller, found):
        source_rules.clear_rule(context, caller, _at(place, found))


def set_parameters(settings: Settings, place: Place, given: Sequence[str], why: str) -> None:
    """Set the parameters of a source from texts NAME=VALUE; none given: the catalogue's again."""
    values = dict(_value(text) for text in given)
    with _opened(settings, place) as (context, caller, found):
        source_rules.set_parameters(context, caller, _at(place, found), values, why)


@contextmanager
def _opened(
    settings: Settings, place: Place
) -> Iterator[tuple[Context, Caller, Sequence[Carried]]]:
    """Open the store, for an owner of the tenant; yield the control's sources besides."""
    otherwise = f"The control {place.control} stays as it is"
    with as_owner(settings, place.tenant, place.by, otherwise) as (context, caller):
        yield context, caller, source_rules.carried(context, caller, place.control)


def _at(place: Place, found: Sequence[Carried]) -> tuple[str, str]:
    fitting = [one for one in found if place.source in (one.source_id, one.keyword)]
    if len(fitting) == 1:
        return place.control, fitting[0].source_id
    raise UsageError(
        f"The control has {'several sources' if fitting else 'no source'} {place.source}",
        todo="Name one by its id: `affidavit control show` lists them.",
    )


def rule_in(given: Any, where: str) -> tuple[Rule, str]:
    """Return the rule that a file holds (`where`), and its parameters as JSON."""
    if not isinstance(given, dict):
        raise _wrong(where, "it holds no names with values")
    unknown = sorted(str(name) for name in set(given) - {*_TEXTS, "params"})
    if unknown:
        raise _wrong(where, f"it names {', '.join(unknown)}")
    texts = {name: given[name] for name in _TEXTS if given.get(name) is not None}
    wrong = next((name for name, text in texts.items() if not isinstance(text, str)), "")
    if wrong:
        raise _wrong(where, f"{wrong} is no text")
    try:
        parameters = json.dumps(given.get("params") or {}, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise _wrong(where, f"params: {error}") from error
    about = texts.get("about", "")
    return source_rules.rule_of({**texts, "set": about, "params": parameters}), parameters


def told(rule: Rule) -> dict[str, Any]:
    """Return a rule as a file holds it, what is empty left out."""
    named = {"about": rule.resource_set, **{name: getattr(rule, name) for name in _TEXTS[1:]}}
    named["params"] = dict(rule.params)
    return {name: value for name, value in named.items() if value}


def loaded(path: Path, most: int) -> Any:
    """Return what a YAML (or JSON) file of at most so many bytes holds; else `UsageError`."""
    try:
        if path.stat().st_size > most:
            raise UsageError(f"{path} is larger than {most:,} bytes")
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Plain)  # noqa: S506 - a safe one
    except UNREADABLE as error:
        raise UsageError(f"{path} cannot be read", why=str(error)) from error


def _wrong(where: str, why: str) -> UsageError:
    return UsageError(
        f"The rule in {where} cannot be used",
        why=why,
        todo=f"Write {', '.join(_TEXTS)} and params by name (docs/reference/custom-controls.md).",
    )


def _value(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"{text!r} is no parameter", todo="Write NAME=VALUE.")
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        return name, value


def _told(one: Carried) -> dict[str, Any]:
    return {
        "sourceId": one.source_id,
        "type": one.type,
        "keyword": one.keyword,
        "rule": json_values(one.rule) if one.rule is not None else None,
        "check": one.check.id if one.check is not None else None,
        "parameters": dict(one.check.params) | dict(one.parameters) if one.check else {},
        "set": dict(one.parameters),
    }
