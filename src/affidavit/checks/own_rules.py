"""A rule that an owner writes: made a check of; tried over records that are there already.

It is held to what checks of the catalogue are held to: it compiles, every member that it reads
exists in AWS's answers, every parameter has a value, and an answer of the wrong kind decides
nothing. The judge is the one that decides evidence.

`derived` reads the expressions and `judged` evaluates them: both only in a process with limits
(`collector.rule_worker`). `check_of` does neither.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Any, Final

from affidavit.catalogue.cel_library import cel
from affidavit.catalogue.expression import ExpressionError, Index, Name, Node, Select, parse
from affidavit.catalogue.reads import Reads, reads_of
from affidavit.catalogue.shapes import PathError, Shapes, kind_of
from affidavit.checks import records
from affidavit.checks.facts import Facts
from affidavit.checks.fanout import PER_ITEM
from affidavit.checks.judge import ACCOUNT_SET, METRIC_OPERATION, Judgement, judge, judged_here
from affidavit.checks.members import names_read
from affidavit.checks.places import Place
from affidavit.errors import UsageError
from affidavit.model.canonical import json_values
from affidavit.model.catalogue import Catalogue, Check, Member, version_of
from affidavit.model.framework import Rule, rule_from_json
from affidavit.model.observation import GLOBAL_REGION
from affidavit.model.verdict import Verdict

ID: Final = "trial"
READER: Final = 1
"""What rules are held to, numbered: it grows with every rule that is refused from then on."""
_FROM: Final[Mapping[str, str]] = {"metric": METRIC_OPERATION, "policy": "GetBucketPolicy"}
"""Operations behind members of a record that are derived."""
_READER: Final = "reader"
_ROOTS: Final = frozenset({"r", "acct"})
_ITEM: Final = "r.item"
_WORDS: Final = 200
_DAYS: Final = "_days"
"""How parameters are called that say how far back is asked (`checks.windows`, `checks.fanout`)."""
MAX_DAYS: Final = 3650
MAX_NUMBER: Final = 2**53 - 1


def derived(catalogue: Catalogue, rule: Rule) -> Rule:
    """Return a rule with what it reads; `UsageError` says what cannot be used of it."""
    if rule.resource_set not in catalogue.resource_sets:
        raise UsageError(f"There is no kind of record {rule.resource_set!r}")
    check_parameters(rule.params)
    reads = _reads(rule)
    missing = sorted(reads.parameters - set(rule.params))
    if missing:
        raise UsageError(
            f"The parameter {missing[0]} has no value", todo="Give it among the parameters."
        )
    shapes = Shapes(catalogue.operations, catalogue.metrics, catalogue.resource_sets)
    members = tuple(
        (path, required, _kind(shapes, path, rule.resource_set))
        for path, required in sorted(_paths(reads, shapes, rule.resource_set).items())
    )
    rule = replace(rule, reads=members, operations=())
    rule = replace(rule, operations=_operations(catalogue, check_of(rule, ID)))
    _require_there(catalogue, check_of(rule, ID))
    return rule


def check_of(rule: Rule, identifier: str, keyword: str = "") -> Check:
    """Return the check that a rule with its reads (`derived`) is; its expressions are not read."""
    check = Check(
        id=identifier,
        resource_set=rule.resource_set,
        type="AWS_API_Call",
        keyword=keyword,
        applies=rule.applies,
        compliant=rule.compliant,
        inconclusive=rule.inconclusive,
        words=rule.words or rule.compliant[:_WORDS],
        params=dict(rule.params),
        empty_verdict=Verdict.NOT_APPLICABLE,
        empty_when="true",
        operations=rule.operations,
        reads=tuple(
            Member(path=path, required=required, absent_means="" if required else "absent", kind=k)
            for path, required, k in rule.reads
        ),
        note="",
        digest="",
        remedy=rule.remedy,
    )
    return replace(check, digest=version_of(check))


def to_keep(rule: Rule) -> dict[str, Any]:
    """Return a rule with its reads (`derived`) as JSON values, with what it was held to."""
    return {**json_values(rule), _READER: READER}


def kept(value: Mapping[str, Any]) -> Rule:
    """Return the rule that `to_keep` wrote."""
    return rule_from_json({name: each for name, each in value.items() if name != _READER})


def is_current(value: Mapping[str, Any]) -> bool:
    """Tell whether a kept rule was held to all that rules are held to now."""
    return bool(value.get(_READER) == READER)


def usable(catalogue: Catalogue, rule: Rule) -> bool:
    """Tell whether a catalogue, newer perhaps than the rule, still has all that the rule reads."""
    known = rule.resource_set in catalogue.resource_sets
    return known and all(key in catalogue.operations for key in rule.operations)


def trial_catalogue(catalogue: Catalogue, check: Check) -> Catalogue:
    """Return the catalogue with the check, and with no more kinds of records than it reads."""
    wanted = {check.resource_set, *names_read(check).sets}
    sets = {name: one for name, one in catalogue.resource_sets.items() if name in wanted}
    return replace(catalogue, resource_sets=sets, checks={**catalogue.checks, check.id: check})


def judged(
    catalogue: Catalogue,
    check: Check,
    accounts: Iterable[Facts],
    now: datetime,
    params: Mapping[str, Mapping[str, Any]],
) -> Iterator[tuple[str, Judgement]]:
    """Yield (account, judgement) of every record; `params` are those of the run, by check."""
    own = trial_catalogue(catalogue, check)
    for facts in accounts:
        built = records.build(own, facts, now, {**params, check.id: check.params})
        for place in built.places:
            for judgement in judge(own, place, check.id, check.params, now):
                yield facts.account_id, judgement


def parameters_of(text: str) -> dict[str, Any]:
    """Return the parameters of a JSON text; `UsageError` for one that holds none."""
    try:
        found = json.loads(text or "{}", parse_constant=_no_number)
    except RecursionError as error:
        raise UsageError("The parameters are nested too deep") from error
    except ValueError as error:
        raise UsageError("The parameters are no JSON", why=f"{error}") from error
    if not isinstance(found, dict):
        raise UsageError("The parameters are no JSON object", todo='Write {"days": 30}.')
    return found


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def check_parameters(params: Mapping[str, Any]) -> None:
    """Raise `UsageError` for a value that no rule is served by, or that no question can be of."""
    for name, value in params.items():
        for one in value if isinstance(value, list) else [value]:
            if not isinstance(one, (str, bool, int, float)):
                raise UsageError(
                    f"The parameter {name} is of a kind that rules do not take",
                    todo="Give a text, a number, true, false, or a list of them.",
                )
            if isinstance(one, (int, float)) and not abs(one) <= MAX_NUMBER:
                raise UsageError(f"The parameter {name} is beyond {MAX_NUMBER:,}")
        whole = isinstance(value, int) and not isinstance(value, bool)
        if name.endswith(_DAYS) and not (whole and 0 <= value <= MAX_DAYS):
            raise UsageError(f"{name} is a whole number of days, at most {MAX_DAYS:,}")


def _require_there(catalogue: Catalogue, check: Check) -> None:
    """Refuse what is never known of the account where the check is judged: `!has` of it holds."""
    everywhere = Place(region=GLOBAL_REGION, acct={}, sets={})
    of_account, names = judged_here(catalogue, check, everywhere), names_read(check)
    sets = catalogue.resource_sets
    wrong = [f"set.{one}" for one in names.sets if sets[one].per_account != of_account]
    for name in sorted(names.account):
        asked = catalogue.operations.get(name)
        regional = not asked.per_account if asked else True
        if (regional and of_account) or (asked and asked.fan_out in PER_ITEM):
            wrong.append(name)
    if wrong:
        raise UsageError(
            f"The rule reads acct.{wrong[0]}, which is not known there",
            why="It is of another place (a Region, or the account as a whole), or of each thing.",
            todo="Read it of the records (r), or let the rule be about another kind of record.",
        )


def _reads(rule: Rule) -> Reads:
    texts = (rule.applies, rule.compliant, rule.inconclusive)
    trees = []
    for text in texts:
        if not text:
            continue
        try:
            cel.compile(text)
            trees.append(parse(text))
            _require_named(trees[-1])
        except ExpressionError as error:
            raise UsageError("The rule is none that checks may use", why=f"{error}") from error
        except ValueError as error:
            first = str(error).splitlines()[0]
            raise UsageError("The rule does not compile", why=first) from error
        except RecursionError as error:
            raise UsageError("The rule is nested too deep") from error
    return reads_of(*trees)


def _require_named(tree: Node) -> None:
    """Refuse r or acct alone: they hold no more than what is read of them by name.

    `"GetBucketPolicy" in r` would be false of every record.
    """
    whole = next(_whole(tree), "")
    if whole:
        raise ExpressionError(f"{whole} stands alone; write {whole}.NAME, or has({whole}.NAME)")


def _whole(node: object) -> Iterator[str]:
    """Yield r and acct where nothing is read of them by name."""
    if isinstance(node, Name):
        yield from {node.name} & _ROOTS
    elif isinstance(node, Select | Index) and isinstance(node.operand, Name):
        yield from _whole(node.index) if isinstance(node, Index) else ()
    elif isinstance(node, tuple):
        yield from chain.from_iterable(map(_whole, node))
    elif is_dataclass(node):
        yield from chain.from_iterable(_whole(getattr(node, one.name)) for one in fields(node))


def _paths(reads: Reads, shapes: Shapes, resource_set: str) -> dict[str, bool]:
    """Return what is read, and whether it is required: an item that is a plain value as well.

    And, as by `has`, members that `in` looks for where an answer has members of fixed names.
    """
    plain = _ITEM in reads.used and _kind(shapes, _ITEM, resource_set) != "map"
    looked = {
        path: False
        for path in reads.key_tests
        if path.partition(".")[0] in _ROOTS
        and shapes.has_members(path.rpartition(".")[0], resource_set)
    }
    return ({_ITEM: True} if plain else {}) | looked | reads.members()


def _kind(shapes: Shapes, path: str, resource_set: str) -> str:
    try:
        return kind_of(shapes.of(path, resource_set))
    except PathError as error:
        raise UsageError(
            f"The rule reads {path}, which no answer has",
            why=f"{error}",
            todo="Names are those of AWS's answers, below the operation that answers them.",
        ) from error


def _operations(catalogue: Catalogue, check: Check) -> tuple[str, ...]:
    """Return the operations that the check reads: an unknown answer of theirs decides nothing."""
    names = names_read(check)
    found = sorted(name for name in names.account if not name.startswith("fact."))
    sets = [*names.sets.items()]
    if check.resource_set != ACCOUNT_SET:
        sets.append((check.resource_set, names.record))
    for name, members in sets:
        own = catalogue.resource_sets[name]
        joined = {join.name: join.operation for join in own.joins}
        found += [joined.get(member, member) for member in sorted(members)]
        found += [own.item_operation, *own.scoping_operations]
    keys = dict.fromkeys(_FROM.get(name, name) for name in found)
    return tuple(key for key in keys if key in catalogue.operations)
