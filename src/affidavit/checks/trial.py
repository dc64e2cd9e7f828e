"""A rule that somebody tries: made a check of, and judged over records that are there already.

It is held to what checks of the catalogue are held to: it compiles, every member that it reads
exists in AWS's answers, every parameter has a value, and an answer of the wrong kind decides
nothing. The judge is the one that decides evidence.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from affidavit.catalogue.cel_library import cel
from affidavit.catalogue.expression import ExpressionError, parse
from affidavit.catalogue.reads import Reads, reads_of
from affidavit.catalogue.shapes import PathError, Shapes, kind_of
from affidavit.checks import records
from affidavit.checks.facts import Facts
from affidavit.checks.judge import ACCOUNT_SET, METRIC_OPERATION, Judgement, judge
from affidavit.checks.members import names_read
from affidavit.errors import UsageError
from affidavit.model.catalogue import Catalogue, Check, Member, version_of
from affidavit.model.verdict import Verdict

ID: Final = "trial"
_FROM: Final[Mapping[str, str]] = {"metric": METRIC_OPERATION, "policy": "GetBucketPolicy"}
"""Operations behind members of a record that are derived."""
_WORDS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What somebody tries."""

    resource_set: str
    compliant: str
    """CEL."""
    applies: str = "true"
    """CEL."""
    inconclusive: str = ""
    """CEL, or empty."""
    params: Mapping[str, Any] = field(default_factory=dict)


def check_of(catalogue: Catalogue, rule: Rule) -> Check:
    """Return the check that a rule is; `UsageError` says what cannot be used of it."""
    if rule.resource_set not in catalogue.resource_sets:
        raise UsageError(f"There is no kind of record {rule.resource_set!r}")
    reads = _reads(rule)
    missing = sorted(reads.parameters - set(rule.params))
    if missing:
        raise UsageError(
            f"The parameter {missing[0]} has no value", todo="Give it among the parameters."
        )
    shapes = Shapes(catalogue.operations, catalogue.metrics, catalogue.resource_sets)
    members = tuple(
        _member(shapes, path, rule.resource_set, required=required)
        for path, required in reads.members().items()
    )
    check = Check(
        id=ID,
        resource_set=rule.resource_set,
        type="AWS_API_Call",
        keyword="",
        applies=rule.applies,
        compliant=rule.compliant,
        inconclusive=rule.inconclusive,
        words=rule.compliant[:_WORDS],
        params=dict(rule.params),
        empty_verdict=Verdict.NOT_APPLICABLE,
        empty_when="true",
        operations=(),
        reads=members,
        note="",
        digest="",
    )
    check = replace(check, operations=_operations(catalogue, check))
    return replace(check, digest=version_of(check))


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


def _reads(rule: Rule) -> Reads:
    texts = (rule.applies, rule.compliant, rule.inconclusive)
    trees = []
    for text in texts:
        if not text:
            continue
        try:
            cel.compile(text)
            trees.append(parse(text))
        except ExpressionError as error:
            raise UsageError("The rule is none that checks may use", why=f"{error}") from error
        except ValueError as error:
            first = str(error).splitlines()[0]
            raise UsageError("The rule does not compile", why=first) from error
        except RecursionError as error:
            raise UsageError("The rule is nested too deep") from error
    return reads_of(*trees)


def _member(shapes: Shapes, path: str, resource_set: str, *, required: bool) -> Member:
    try:
        kind = kind_of(shapes.of(path, resource_set))
    except PathError as error:
        raise UsageError(
            f"The rule reads {path}, which no answer has",
            why=f"{error}",
            todo="Names are those of AWS's answers, below the operation that answers them.",
        ) from error
    absent = "" if required else "absent"
    return Member(path=path, required=required, absent_means=absent, kind=kind)


def _operations(catalogue: Catalogue, check: Check) -> tuple[str, ...]:
    """Return the operations that the check reads: an unknown answer of theirs decides nothing."""
    names = names_read(check)
    found = [*names.record, *(name for name in names.account if not name.startswith("fact."))]
    if check.resource_set != ACCOUNT_SET:
        own = catalogue.resource_sets[check.resource_set]
        found += [own.item_operation, *own.scoping_operations]
        joined = {join.name: join.operation for join in own.joins}
        found = [joined.get(name, name) for name in found]
    keys = dict.fromkeys(_FROM.get(name, name) for name in found)
    return tuple(key for key in keys if key in catalogue.operations)
