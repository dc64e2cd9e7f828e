"""What stands in the PDF, as frozen values; `to_data` makes the JSON that the template reads."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a control's evidence table."""

    verdict: str
    """COMPLIANT, NON_COMPLIANT or NOT_APPLICABLE."""
    resource: str
    """ARN, or in words what the record is about."""
    where: str
    """Account and Region."""
    reason: str
    source: str
    """Keyword or check."""
    leaf: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLine:
    """What one control source gave in the last run."""

    type: str
    keyword: str
    check: str
    words: str
    """What the check asks for."""
    remedy: str
    """What to do where it is not met; empty where no check judges."""
    compliant: int
    non_compliant: int
    inconclusive: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GapLine:
    """Why evidence is missing, how often, and one example in words."""

    reason: str
    count: int
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualLine:
    """An item of manual evidence."""

    what: str
    """The file's name, or the text, perhaps not all of it."""
    size: str
    digest: str
    """SHA-256, hexadecimal."""
    when: str
    by: str
    leaf: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPage:
    """One control of the report."""

    id: str
    title: str
    statement: str
    severity: str
    automation: str
    basis: str
    verdict: str
    """Of the last run."""
    status: str
    """In words; a partial control says what its verdict speaks of."""
    kind: str
    """compliant, automated, non_compliant or inconclusive: what it is counted as."""
    judged: int
    expected: int
    accounts: int
    regions: int
    days: dict[str, int]
    """Days of the period by verdict."""
    sources: tuple[SourceLine, ...]
    rows: tuple[Row, ...]
    rest: int
    """Records of the last run that the table leaves out; they stand in evidence.csv."""
    out_of_scope: int
    """Records of the last run that a check does not apply to; the table never shows them."""
    gone: bool
    """The last run's evidence was deleted since."""
    held: int
    """Records that the tables speak of: of the last run, or chosen."""
    left_out: dict[str, int]
    """Of a report of chosen evidence: records of the period that it leaves out, by verdict."""
    gaps: tuple[GapLine, ...]
    testing_information: str
    action_title: str
    action_instructions: str
    manual: str
    """'', missing, expired or present."""
    manual_expected: tuple[str, ...]
    manual_days: int
    manual_items: tuple[ManualLine, ...]
    """What people added, the newest first."""
    manual_rest: int
    """Items that the page leaves out; they stand in manual.csv."""
    crosswalk: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSection:
    """A control set with its controls."""

    id: str
    name: str
    principle: str
    controls: tuple[ControlPage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """A parameter that differs from the catalogue."""

    check: str
    name: str
    catalogue: str
    value: str
    by: str
    when: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """What was collected, and what was not."""

    runs: int
    activity: int
    """Runs of CloudTrail's new events alone among them."""
    days: int
    days_without: tuple[str, ...]
    """Days or ranges of days, in words."""
    accounts: tuple[str, ...]
    regions: tuple[str, ...]
    left_out: tuple[tuple[str, str, str], ...]
    """(account, Region, why)."""
    gaps: tuple[tuple[str, int], ...]
    """Reason and evidence records, of the last run."""
    evidence: int
    verdicts: dict[str, int]
    left_out_records: dict[str, int]
    """Of a report of chosen evidence: records of the period that it leaves out, by verdict."""
    deleted: tuple[tuple[str, str, str], ...]
    """Which days' records were deleted since, when and by whom, and why, as the ledger says."""
    questions: int
    requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The whole report."""

    report_id: str
    generated: str
    """In words, UTC."""
    date: tuple[int, int, int, int, int, int]
    """The same for the PDF's metadata."""
    tool: str
    assessment: str
    assessment_id: str
    framework: str
    framework_version: str
    tenant: str
    period: tuple[str, str]
    synthetic: bool
    key_id: str
    key_protection: str
    tree_size: int
    root: str
    stamped: bool
    choice: tuple[tuple[str, str], ...]
    """How the evidence was chosen, in words; empty: the report holds all of its period."""
    population: int
    """Records of the period."""
    limits: tuple[str, ...]
    caveats: tuple[str, ...]
    deviations: tuple[Deviation, ...]
    totals: dict[str, int]
    """Controls by kind."""
    donut: str
    """SVG."""
    bars: str
    """SVG."""
    period_charts: tuple[tuple[str, str], ...]
    """SVG and words: what each control was on each day, some controls a page."""
    donut_words: str
    bars_words: str
    completeness: Completeness
    sets: tuple[SetSection, ...]


def to_data(content: Content) -> dict[str, Any]:
    """Return the content as JSON's values."""
    return asdict(content)
