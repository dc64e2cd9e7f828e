"""Finding evidence from the command line: pages, groups, samples, exports."""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from affidavit import __version__, catalogue
from affidavit.errors import UsageError
from affidavit.finder.bind import Names, bind, field_of
from affidavit.finder.engine import Finder
from affidavit.finder.export import Exported, Rows, Wanted, export
from affidavit.finder.export_formats import Format
from affidavit.finder.parse import parse
from affidavit.finder.query import Groups, Order, Page, Question, Sample, Scope, Unreadable
from affidavit.finder.tree import Expression, Word
from affidavit.ledger.keys import Signer
from affidavit.model.canonical import plain_json
from affidavit.model.identifiers import new_id
from affidavit.model.run import Assessment
from affidavit.model.times import iso, utc_now
from affidavit.operations.renamed import renamed
from affidavit.operations.reports import find_assessment
from affidavit.operations.services import services
from affidavit.settings import Settings
from affidavit.store import Store, open_store

DEFAULT_LIMIT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class FindRequest:
    """What is asked, and of which assessments."""

    query: str = ""
    assessments: tuple[str, ...] = ()
    """Ids, unique parts of ids, or names; empty: all of the tenant."""
    tenant: str = ""
    """Empty: the only one there is."""
    sort: str = "-time"
    """A field; a minus before it: descending."""
    limit: int = DEFAULT_LIMIT
    cursor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A sample to draw."""

    count: int
    seed: str = ""
    """Empty: a random one, which the answer tells."""
    by: str
    """Who draws it; stands in the ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A sample, and the leaf that tells of it."""

    sample: Sample
    leaf: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """Where the rows go."""

    path: Path
    kind: Format
    first: int | None = None
    """Only so many rows, in the order that was asked for; None: all, in the order of leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A request bound to a store that is open."""

    store: Store
    finder: Finder
    question: Question
    tree: Expression
    order: Order


def find(settings: Settings, request: FindRequest) -> Page:
    """Return a page of rows; `QueryError` points at what is wrong with the query."""
    with _asked(settings, request) as asked:
        return asked.finder.page(
            asked.question, order=asked.order, limit=request.limit, cursor=request.cursor
        )


def group(settings: Settings, request: FindRequest, names: tuple[str, ...]) -> Groups:
    """Return how many rows there are by the named fields; names that stand for others are told."""
    fields = [field_of(Word(name)) for name in names]
    with _asked(settings, request) as asked:
        groups = asked.finder.groups(asked.question, fields)
        known = names_of(renamed(asked.store, asked.question.scope.tenant))
    named = [known.of(f.name) if f.kind.name == "NAMED" else {} for f in fields]
    totals: dict[tuple[str, ...], int] = {}
    for values, number in groups.rows:
        shown = tuple(by.get(v, v) for v, by in zip(values, named, strict=True))
        totals[shown] = totals.get(shown, 0) + number
    rows = sorted(totals.items(), key=lambda row: (-row[1], row[0]))
    return replace(groups, rows=tuple(rows))


def count(settings: Settings, request: FindRequest) -> tuple[int, tuple[Unreadable, ...]]:
    """Return how many rows there are, and which segments could not be counted."""
    with _asked(settings, request) as asked:
        return asked.finder.count(asked.question)


def sample(settings: Settings, request: FindRequest, drawing: Drawing) -> Drawn:
    """Draw a sample and log it: seed, population, query and the ids that were drawn."""
    with _asked(settings, request) as asked:
        return draw(asked, request, drawing)


def export_rows(
    settings: Settings,
    request: FindRequest,
    where: ExportRequest,
    drawing: Drawing | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Exported:
    """Write rows to a file, with a signed manifest, at a signed size of the ledger.

    All rows that match, in the order of leaves: asked again after a crash, it goes on where it was.
    Or the first so many; or a sample. `progress` hears how many of how many; who gives it pays for
    counting them first.
    """
    with _asked(settings, request) as asked:
        drawn = draw(asked, request, drawing) if drawing is not None else None
        if progress is None:
            return exported(asked, request, where, drawn)
        tell, total = progress, _expected(asked, where, drawn)
        tell(0, total)
        return exported(asked, request, where, drawn, lambda rows: tell(rows, total))


def _expected(asked: Bound, where: ExportRequest, drawn: Drawn | None) -> int:
    """Return how many rows an export will have, those that cannot be read left out."""
    if drawn is not None:
        return len(drawn.sample.rows)
    known, _ = asked.finder.count(asked.question)
    return known if where.first is None else min(known, where.first)


def exported(
    asked: Bound,
    request: FindRequest,
    where: ExportRequest,
    drawn: Drawn | None = None,
    progress: Callable[[int], None] = lambda _rows: None,
) -> Exported:
    """Write the rows of a request that is bound, or those that were drawn of it."""
    wanted = Wanted(
        path=where.path,
        kind=where.kind,
        tenant=asked.question.scope.tenant,
        request={
            "tenant": asked.question.scope.tenant,
            "assessments": list(asked.question.scope.assessments),
            "query": request.query,
        },
        facts=partial(_facts, asked, request, where, drawn),
        rows=partial(_rows, asked, where, drawn),
        resumable=drawn is None and where.first is None,
    )
    return export(wanted, asked.store.keys.signer(), progress)


def _facts(
    asked: Bound, request: FindRequest, where: ExportRequest, drawn: Drawn | None
) -> dict[str, Any]:
    """Sign a checkpoint and return what the manifest says of the rows."""
    signer = asked.store.keys.signer()
    checkpoint = asked.store.sign_checkpoint(asked.question.scope.tenant, signer)
    facts: dict[str, Any] = {
        **_predicate(asked, request, signer),
        "checkpoint": {"size": checkpoint.size, "note": checkpoint.note},
    }
    if drawn is not None:
        facts["sample"] = _sample_facts(drawn)
    elif where.first is not None:
        facts["first"] = {"rows": where.first, "sort": request.sort}
    return facts


def _rows(
    asked: Bound,
    where: ExportRequest,
    drawn: Drawn | None,
    facts: Mapping[str, Any],
    behind: int,
) -> Rows:
    if drawn is not None:
        return Rows(iter(drawn.sample.rows), list(drawn.sample.unreadable))
    question = replace(asked.question, size=facts["checkpoint"]["size"])
    if where.first is None:
        stream = asked.finder.stream(question, behind)
        return Rows(stream.rows, stream.unreadable)
    page = asked.finder.page(question, order=asked.order, limit=where.first)
    return Rows(iter(page.rows), list(page.unreadable))


def _sample_facts(drawn: Drawn) -> dict[str, Any]:
    return {
        "seed": drawn.sample.seed,
        "population": drawn.sample.population,
        "log_size": drawn.sample.size,
        "leaf": drawn.leaf,
    }


def _predicate(asked: Bound, request: FindRequest, signer: Signer) -> Mapping[str, Any]:
    scope = asked.question.scope
    return {
        "generated_at": iso(utc_now()),
        "tool": f"affidavit {__version__}",
        "tenant": scope.tenant,
        "assessments": list(scope.assessments),
        "query": request.query,
        "understood": str(asked.tree),
        "key_protected": signer.protected,
    }


def draw(asked: Bound, request: FindRequest, drawing: Drawing) -> Drawn:
    """Draw a sample of a request that is bound, and log it."""
    seed = drawing.seed or secrets.token_hex(8)
    found = asked.finder.sample(asked.question, drawing.count, seed)
    now, scope = utc_now(), asked.question.scope
    identifier = new_id(now)
    details = {
        "query": str(asked.tree),
        "assessments": list(scope.assessments),
        "seed": seed,
        "asked": drawing.count,
        "population": found.population,
        "log_size": found.size,
        "unreadable_rows": sum(one.rows for one in found.unreadable),
        "drawn": [row.evidence.id for row in found.rows],
    }
    record = {
        "kind": "change",
        "id": identifier,
        "time": iso(now),
        "by": drawing.by,
        "action": "CREATE",
        "object_type": "SAMPLE",
        "object_id": identifier,
        "object_name": request.query,
        "assessment_id": scope.assessments[0] if len(scope.assessments) == 1 else "",
        "control_set_id": "",
        "tenant": scope.tenant,
        "details": plain_json(details).decode(),
    }
    return Drawn(sample=found, leaf=asked.store.append_record(scope.tenant, record))


@contextmanager
def _asked(settings: Settings, request: FindRequest) -> Iterator[Bound]:
    tree = parse(request.query)
    order = Order.of(
        field_of(Word(request.sort.removeprefix("-"))), descending=request.sort.startswith("-")
    )
    with open_store(settings, create=False) as store, Finder(store, settings.engine) as finder:
        scope, names = scope_of(store, request.tenant, request.assessments)
        where = bind(tree, names, request.query)
        question = Question(scope=scope, where=where, manual=True)
        yield Bound(store=store, finder=finder, question=question, tree=tree, order=order)


def scope_of(store: Store, tenant: str, wanted: tuple[str, ...]) -> tuple[Scope, Names]:
    """Return the scope that was asked for, and what names stand for in it."""
    every = renamed(store, tenant or None)
    chosen = [find_assessment(every, one) for one in wanted] or every
    tenants = sorted({one.tenant for one in chosen})
    if len(tenants) > 1:
        raise UsageError(
            "Whose evidence?",
            why=f"There are {len(tenants)} tenants: {', '.join(tenants)}.",
            todo="Choose one with --tenant.",
        )
    if not chosen:
        raise UsageError(
            "There is no assessment" + (f" of {tenant}" if tenant else ""),
            todo="Run `affidavit run` first, or give the right home folder.",
        )
    mine = [one for one in every if one.tenant == tenants[0]]
    ids = tuple(sorted(one.id for one in chosen))
    return Scope(tenant=tenants[0], assessments=ids), names_of(mine)


def names_of(assessments: Sequence[Assessment]) -> Names:
    """Return what names stand for in queries over these assessments of one tenant."""
    framework = catalogue.load().framework
    return Names(
        assessments={one.id: one.name for one in assessments},
        domains={
            control.id: control_set.name
            for control_set in framework.control_sets
            for control in control_set.controls
        },
        categories={one["name"]: one["category"] for one in services()},
    )
