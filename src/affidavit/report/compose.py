"""Everything known about a report, put together as the PDF's content."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from affidavit import __version__
from affidavit.charts import Bar, Slice, donut, in_words, stacked_bars
from affidavit.model.canonical import plain_json
from affidavit.model.catalogue import Catalogue
from affidavit.model.run import Assessment
from affidavit.model.times import parse
from affidavit.report.choice import Choice
from affidavit.report.content import Completeness, Content, Deviation, SetSection
from affidavit.report.gather import KINDS
from affidavit.report.held import Gone
from affidavit.report.history import History
from affidavit.report.period_charts import charts
from affidavit.report.verify.matrix import Matrix

FONT = "Libertinus Serif"
"""A font that typst carries within itself: the PDF is the same on every machine."""
LABELS = {
    "compliant": "Compliant",
    "automated": "Automated part compliant",
    "non_compliant": "Non-compliant",
    "inconclusive": "Inconclusive",
}
LIMITS = (
    (
        "Evidence is not compliance. Evidence in this report does not prove compliance with a law "
        "or standard, and does not assure a pass in an audit."
    ),
    (
        "Procedures are not judged by machine. Where a control asks for a procedure, a person's "
        "evidence is expected, and its absence is shown."
    ),
    (
        "The catalogue of controls is Affidavit's own, under the published structure of the AWS "
        "generative AI best practices framework; it is not AWS's text and not endorsed by AWS."
    ),
    "Inconclusive is not compliant. What could not be observed is shown with its reason.",
)
PROTECTION = {
    True: "file encrypted under a passphrase",
    False: "file without passphrase, mode 0600: whoever reads it can sign",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is not in the evidence: the report itself, its ledger and key."""

    report_id: str
    now: datetime
    assessment: Assessment
    catalogue: Catalogue
    history: History
    key_id: str
    protected: bool
    tree_size: int
    root: str
    stamped: bool
    evidence: Counter[str]
    """Records of the period by verdict."""
    parameter_records: tuple[Mapping[str, Any], ...]
    choice: Choice | None
    period: Matrix
    """What each control was on each day."""
    deleted: Mapping[str, Gone]
    """The deleted evidence of runs of the period, by their ids."""


def compose(facts: Facts, sections: tuple[SetSection, ...]) -> Content:
    """Return the content of the PDF."""
    history, now = facts.history, facts.now
    pages = [page for section in sections for page in section.controls]
    totals = {kind: sum(page.kind == kind for page in pages) for kind in KINDS}
    slices = [Slice(LABELS[kind], totals[kind], kind) for kind in KINDS]
    bars = [_bar(section) for section in sections]
    framework = facts.catalogue.framework
    return Content(
        report_id=facts.report_id,
        generated=_when(now),
        date=(now.year, now.month, now.day, now.hour, now.minute, now.second),
        tool=f"Affidavit {__version__}",
        assessment=facts.assessment.name,
        assessment_id=facts.assessment.id,
        framework=framework.name,
        framework_version=framework.version,
        tenant=facts.assessment.tenant,
        period=(history.first_day.isoformat(), history.last_day.isoformat()),
        synthetic=history.synthetic,
        key_id=facts.key_id,
        key_protection=PROTECTION[facts.protected],
        tree_size=facts.tree_size,
        root=facts.root,
        stamped=facts.stamped,
        choice=_choice(facts.choice),
        population=history.evidence,
        limits=LIMITS,
        caveats=framework.caveats,
        deviations=deviations(facts),
        totals=totals,
        donut=donut(slices, "Controls by verdict", "controls", FONT),
        bars=stacked_bars(bars, "Controls by control set", FONT),
        period_charts=charts(facts.period, history.first_day, history.last_day),
        donut_words=f"Controls by verdict: {in_words(slices)}",
        bars_words="; ".join(f"{bar.label}: {in_words(bar.slices)}" for bar in bars),
        completeness=_completeness(facts),
        sets=sections,
    )


def _choice(choice: Choice | None) -> tuple[tuple[str, str], ...]:
    """Return how evidence was chosen, as names and values."""
    if choice is None:
        return ()
    words = {
        "selection": "by a person, record by record or evidence folder by evidence folder",
        "query": "by a query; the report holds everything that it finds",
        "sample": f"at random, {choice.records} of {choice.population} records",
    }
    lines = [("Chosen", words[choice.by])]
    if choice.query:
        lines.append(("Query", choice.query))
    if choice.understood and choice.understood != choice.query:
        lines.append(("Understood as", choice.understood))
    if choice.by == "sample":
        lines.append(("Seed", choice.seed))
    return (
        *lines,
        ("Logged", f"leaf {choice.leaf} of the ledger says what was chosen, and by whom"),
    )


def _bar(section: SetSection) -> Bar:
    counts = Counter(page.kind for page in section.controls)
    return Bar(section.name, tuple(Slice(LABELS[k], counts[k], k) for k in KINDS))


def _completeness(facts: Facts) -> Completeness:
    history, latest = facts.history, facts.history.latest
    return Completeness(
        runs=history.runs,
        activity=history.activity,
        days=(history.last_day - history.first_day).days + 1,
        days_without=tuple(ranges(history.days_without)),
        accounts=tuple(latest["accounts"]),
        regions=tuple(latest["regions"]),
        left_out=tuple((account, region, why) for account, region, why, _ in latest["left_out"]),
        gaps=tuple(
            (reason.replace("_", " "), number)
            for reason, number in sorted(latest["gaps"].items(), key=lambda item: -item[1])
        ),
        evidence=facts.evidence.total(),
        verdicts=dict(facts.evidence),
        left_out_records=_left_out(facts),
        deleted=_deleted(facts),
        questions=history.questions,
        requests=history.requests,
    )


def _deleted(facts: Facts) -> tuple[tuple[str, str, str], ...]:
    """Return for each deletion which days' records are gone, when and by whom, and why."""
    acts: dict[int, list[Gone]] = {}
    for one in facts.deleted.values():
        acts.setdefault(one.how.leaf, []).append(one)
    rows = []
    for leaf, gone in sorted(acts.items()):
        days = ", ".join(ranges(sorted({one.day for one in gone})))
        how = gone[0].how
        what = f"{days}: {sum(one.records for one in gone)} records"
        rows.append((what, f"{how.time} by {how.by}", f"{how.why} (leaf {leaf})"))
    return tuple(rows)


def _left_out(facts: Facts) -> dict[str, int]:
    if facts.choice is None:
        return {}
    whole = sum(facts.history.records.values(), Counter[str]())
    return {verdict: number - facts.evidence[verdict] for verdict, number in whole.items()}


def deviations(facts: Facts) -> tuple[Deviation, ...]:
    """Return the parameters that differ from the catalogue, with who set them, when and why.

    First those of the assessment, then those that sources of custom controls carry.
    """
    own = {
        (str(one.get("check_id")), str(one.get("name"))): one
        for one in facts.parameter_records
        if one.get("assessment_id") == facts.assessment.id
    }
    found: list[Deviation] = []
    for check_id, values in sorted(facts.assessment.parameters.items()):
        for name, value in sorted(values.items()):
            record = own.get((check_id, name), {})
            found += _deviation(facts, (check_id, name), value, record, check_id)
    return (*found, *_of_sources(facts))


def _of_sources(facts: Facts) -> Iterator[Deviation]:
    """Yield those of custom controls' sources; whoever last set the same value has set it."""
    said = {
        tuple(str(one.get(name)) for name in ("check_id", "name", "value")): one
        for one in facts.parameter_records
        if not one.get("assessment_id")
    }
    custom = [c for c in facts.catalogue.framework.controls() if c.basis_kind == "custom"]
    for control in custom:
        for source in control.sources:
            where = f"{source.check} ({control.title}: {source.keyword})"
            for name, value in sorted(source.params.items()):
                record = said.get((source.check, name, _short(value)), {})
                yield from _deviation(facts, (source.check, name), value, record, where)


def _deviation(
    facts: Facts, of: tuple[str, str], value: Any, record: Mapping[str, Any], where: str
) -> Iterator[Deviation]:
    """Yield the deviation of a parameter, `of` (check, name), where it is one."""
    check = facts.catalogue.checks.get(of[0])
    default = check.params.get(of[1]) if check else None
    if default != value:
        yield Deviation(
            check=where,
            name=of[1],
            catalogue=_short(default),
            value=_short(value),
            by=str(record.get("by", "")) or "not recorded",
            when=_when(parse(record["time"])) if record.get("time") else "not recorded",
            why=str(record.get("why", "")) or "no reason given",
        )


def _when(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def ranges(days: Iterable[date]) -> list[str]:
    """Return days, in order, as `2026-01-03 to 2026-01-05` and single days."""
    spans: list[tuple[date, date]] = []
    for day in days:
        if spans and day - spans[-1][1] == timedelta(days=1):
            spans[-1] = (spans[-1][0], day)
        else:
            spans.append((day, day))
    return [f"{a}" if a == b else f"{a} to {b}" for a, b in spans]


def _short(value: Any) -> str:
    return "none" if value is None else plain_json(value).decode()
