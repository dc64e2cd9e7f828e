"""`affidavit find`: search the evidence, count it, sample it, export it."""

import getpass
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from affidavit.errors import UsageError
from affidavit.finder.export import Exported
from affidavit.finder.query import Found, Groups, Unreadable
from affidavit.model.times import iso
from affidavit.operations import find
from affidavit.settings import Settings

if TYPE_CHECKING:
    from affidavit.finder.export_formats import Format

STYLES = {"COMPLIANT": "green", "NON_COMPLIANT": "red", "NOT_APPLICABLE": "yellow"}
INCOMPLETE = 1
FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("query", default="")
@click.option("--assessment", multiple=True, help="Name or id; again for more (default: all).")
@click.option("--tenant", default="", help="<account id>/<Region>; needed where there are more.")
@click.option("--group-by", "group_by", help="Count by these fields: control,compliance")
@click.option("--count", "only_count", is_flag=True, help="Only count the rows.")
@click.option("--sort", default="-time", show_default=True, help="Field; - before it: descending.")
@click.option("--limit", type=int, help="Rows to show (default 100), or to export (default all).")
@click.option("--cursor", default="", help="Go on where the last page ended.")
@click.option("--sample", type=int, help="Draw so many rows at random; stands in the ledger.")
@click.option("--seed", default="", help="Of the sample: the same seed draws the same rows.")
@click.option("--by", default="", help="Who draws the sample (default: your login name).")
@click.option("--csv", type=FILE, help="Export to FILE, with a signed manifest beside it.")
@click.option("--jsonl", type=FILE, help="Export as JSON lines.")
@click.option("--parquet", type=FILE, help="Export as Parquet.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(
    settings: Settings,
    *,
    query: str,
    assessment: tuple[str, ...],
    tenant: str,
    group_by: str | None,
    sort: str,
    limit: int | None,
    cursor: str,
    sample: int | None,
    seed: str,
    by: str,
    csv: Path | None,
    jsonl: Path | None,
    parquet: Path | None,
    only_count: bool,
    as_json: bool,
) -> None:
    """Find evidence by QUERY; without one, all of it.

    'control = GENAI-PRIV-02 and compliance = NON_COMPLIANT and time >= 2026-10-01'

    Exit codes: 0 found or not; 1 some evidence could not be read, and is named; 2 wrong call; 3 the
    store is unusable.
    """
    request = find.FindRequest(
        query=query,
        assessments=assessment,
        tenant=tenant,
        sort=sort,
        limit=find.DEFAULT_LIMIT if limit is None else limit,
        cursor=cursor,
    )
    drawing = None
    if sample is not None:
        drawing = find.Drawing(count=sample, seed=seed, by=by or getpass.getuser())
    target = _target(csv, jsonl, parquet, limit)
    asked = [group_by is not None, only_count, drawing is not None or target is not None]
    if sum(asked) > 1 or (cursor and any(asked)):
        raise UsageError("--group-by, --count, --cursor and --sample or exports exclude each other")
    output = _Output(as_json=as_json)
    if group_by is not None:
        names = tuple(name.strip() for name in group_by.split(","))
        output.groups(names, find.group(settings, request, names))
    elif only_count:
        output.count(*find.count(settings, request))
    elif target is not None:
        output.exported(_exported(settings, request, target, drawing))
    elif drawing is not None:
        output.sample(find.sample(settings, request, drawing))
    else:
        page = find.find(settings, request)
        output.rows(page.rows, {"cursor": page.cursor, "ledgerSize": page.size}, page.unreadable)
    sys.exit(output.code)


def _target(
    csv: Path | None, jsonl: Path | None, parquet: Path | None, limit: int | None
) -> find.ExportRequest | None:
    kinds: list[tuple[Format, Path | None]] = [
        ("csv", csv),
        ("jsonl", jsonl),
        ("parquet", parquet),
    ]
    given = [(kind, path) for kind, path in kinds if path is not None]
    if len(given) > 1:
        raise UsageError("One export at a time", todo="Give one of --csv, --jsonl, --parquet.")
    return find.ExportRequest(path=given[0][1], kind=given[0][0], first=limit) if given else None


def _exported(
    settings: Settings,
    request: find.FindRequest,
    target: find.ExportRequest,
    drawing: find.Drawing | None,
) -> Exported:
    console = Console(stderr=True)
    if not console.is_terminal:
        return find.export_rows(settings, request, target, drawing)
    columns = (
        TextColumn("Exporting"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[told]}"),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("Exporting", total=None, told="counting the rows")

        def tell(rows: int, total: int) -> None:
            speed = progress.tasks[task].speed
            rate = f", {speed:,.0f} a second" if speed else ""
            told = f"{rows:,} of {total:,} rows{rate}"
            progress.update(task, completed=rows, total=total, told=told)

        return find.export_rows(settings, request, target, drawing, tell)


class _Output:
    """Prints one answer, and knows the exit code."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self.code = 0

    def rows(
        self, rows: Sequence[Found], facts: dict[str, Any], unreadable: Sequence[Unreadable]
    ) -> None:
        """Print rows and what belongs to them."""
        if self._as_json:
            shown = [{"leaf": row.leaf, **row.evidence.to_json()} for row in rows]
            self._json({"rows": shown, **facts}, unreadable)
            return
        console = Console()
        nothing = "Nothing was found in what can be read." if unreadable else "Nothing was found."
        console.print(_table(rows) if rows else nothing)
        if facts.get("cursor"):
            console.print(f"More: --cursor {facts['cursor']}", soft_wrap=True, highlight=False)
        self._name(unreadable)

    def groups(self, names: Sequence[str], groups: Groups) -> None:
        """Print groups, the largest first."""
        if self._as_json:
            shown = [
                {**dict(zip(names, values, strict=True)), "count": number}
                for values, number in groups.rows
            ]
            facts = {"groups": shown, "more": groups.more, "ledgerSize": groups.size}
            self._json(facts, groups.unreadable)
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in names:
            table.add_column(name)
        table.add_column("count", justify="right")
        for values, number in groups.rows:
            table.add_row(
                *(Text(value, style=STYLES.get(value, "")) for value in values), f"{number:,}"
            )
        Console().print(table)
        if groups.more:
            click.echo("There are more groups; they were left out.", err=True)
        self._name(groups.unreadable)

    def count(self, number: int, unreadable: Sequence[Unreadable]) -> None:
        """Print a number."""
        if self._as_json:
            self._json({"count": number}, unreadable)
            return
        click.echo(f"{number}")
        self._name(unreadable)

    def sample(self, drawn: find.Drawn) -> None:
        """Print a sample, and how to draw it again."""
        found = drawn.sample
        facts = {
            "seed": found.seed,
            "population": found.population,
            "ledgerSize": found.size,
            "leaf": drawn.leaf,
        }
        self.rows(found.rows, facts, found.unreadable)
        if not self._as_json:
            click.echo(
                f"{len(found.rows)} of {found.population} rows, drawn with --seed {found.seed}; "
                f"leaf {drawn.leaf} of the ledger says so."
            )

    def exported(self, done: Exported) -> None:
        """Print what was written."""
        if self._as_json:
            facts = {
                "file": str(done.path),
                "manifest": str(done.manifest),
                "signature": str(done.signature),
                "rows": done.rows,
                "sha256": done.sha256,
                "resumed": done.resumed,
                "unreadable": list(done.unreadable),
            }
            click.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        else:
            had = (
                f", {done.resumed} of them from an export that was cut off" if done.resumed else ""
            )
            click.echo(f"{done.path}: {done.rows} rows{had}; manifest {done.manifest.name}")
            click.echo(f"Verify with: affidavit verify {shlex.quote(str(done.path))} --key KEY")
            for one in done.unreadable:
                words = f"{one['rows']} rows of {one['day']}. {one['why']}"
                click.echo(f"Not in this export: {words}", err=True)
        if done.unreadable:
            self.code = INCOMPLETE

    def _json(self, facts: dict[str, Any], unreadable: Sequence[Unreadable]) -> None:
        missing = [
            {"segment": x.segment, "day": x.day, "rows": x.rows, "why": x.why} for x in unreadable
        ]
        click.echo(json.dumps({**facts, "unreadable": missing}, indent=2, ensure_ascii=False))
        self._incomplete(unreadable)

    def _name(self, unreadable: Sequence[Unreadable]) -> None:
        for one in unreadable:
            click.echo(f"Not in this answer: {one.rows} rows of {one.day}. {one.why}", err=True)
        self._incomplete(unreadable)

    def _incomplete(self, unreadable: Sequence[Unreadable]) -> None:
        if unreadable:
            self.code = INCOMPLETE


def _table(rows: Sequence[Found]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Time", no_wrap=True)
    table.add_column("Verdict", no_wrap=True)
    table.add_column("Control", no_wrap=True)
    table.add_column("Resource, where, why", overflow="fold")
    for row in rows:
        one = row.evidence
        subject = one.resource_arn or one.attributes.get("name", "") or one.keyword
        why = f"{one.account_id} {one.region}: {one.reason}"
        table.add_row(
            iso(one.time.replace(microsecond=0)),
            Text(one.verdict.words, style=STYLES[one.verdict.value]),
            one.control_id,
            Text.assemble(subject, "\n", (why, "dim")),
        )
    return table
