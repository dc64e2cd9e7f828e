"""The engine: the answers of plain Python over the same records, and nobody else's evidence."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from tests.finder.conftest import DAYS, FEW, FIRST, OF_A_DAY, OTHER, Estates, commit
from tests.samples import TENANT

from affidavit.errors import QueryError, StoreError
from affidavit.finder import shapes
from affidavit.finder.compile import COLUMNS
from affidavit.finder.duck import Duck
from affidavit.finder.engine import Finder
from affidavit.finder.fields import FIELDS
from affidavit.finder.query import Cursor, Found, Order, Question, Scope, fingerprint
from affidavit.model.evidence import Evidence
from affidavit.store import Chosen, SegmentFile

ALL = DAYS * OF_A_DAY


def _ids(finder: Finder, question: Question) -> list[str]:
    """Return the ids of every page, joined."""
    ids: list[str] = []
    cursor = ""
    while True:
        page = finder.page(question, limit=37, cursor=cursor)
        assert page.unreadable == ()
        ids += [row.evidence.id for row in page.rows]
        cursor = page.cursor
        if not cursor:
            return ids


CASES: list[tuple[str, Callable[[Evidence], bool]]] = [
    ("", lambda _: True),
    ("control = C01", lambda e: e.control_id == "C01"),
    ("control in (C01, C03) and region = eu-west-1", lambda e: e.control_id in ("C01", "C03")),
    ("compliance = inconclusive", lambda e: e.verdict.value == "NOT_APPLICABLE"),
    ("not compliance = COMPLIANT", lambda e: e.verdict.value != "COMPLIANT"),
    ("time >= 2026-10-09", lambda e: e.time.day >= 9),
    ("time > 2026-10-09 or day = 2026-10-02", lambda e: e.time.day in (2, 10)),
    ("time = 2026-10-03T06:00:05Z", lambda e: (e.time.day, e.time.second) == (3, 5)),
    ("day not in (2026-10-01, 2026-10-02)", lambda e: e.time.day > 2),
    ('resource.arn ~ "arn:aws:s3:::*-logs"', lambda e: e.resource_arn.endswith("-logs")),
    ("arn !~ *-logs", lambda e: not e.resource_arn.endswith("-logs")),
    ("arn ~ *plain*", lambda e: "plain" in e.resource_arn),
    ('arn ~ "*line?break*"', lambda e: "line\nbreak" in e.resource_arn),
    (r'arn ~ "*a\*b*"', lambda e: "a*b" in e.resource_arn),
    ("arn contains 'PER%'", lambda e: "per%" in e.resource_arn),
    ("arn contains 'quo\"te'", lambda e: 'quo"te' in e.resource_arn),
    ('arn contains "ü-\u2028"', lambda e: "ü-\u2028" in e.resource_arn),
    ("gap = denied", lambda e: e.gap == "denied"),
    ("gap = none and standing = undecided", lambda e: not e.gap and e.standing == "undecided"),
    ("event.name = GetBucketPolicy", lambda e: e.keyword == "s3_GetBucketPolicy"),
    ("event.name = ENCRYPTED_VOLUMES", lambda e: e.source_type == "AWS_Config"),
    ("service = config", lambda e: e.source_type == "AWS_Config"),
    ("service = bedrock-runtime", lambda e: e.source_type == "Prompt_Check"),
    ('service = ""', lambda e: e.source_type == "MANUAL"),
    ("service.category = Storage", lambda e: e.keyword.startswith("s3_")),
    ("control.domain != Safety", lambda e: e.control_id in ("C00", "C03")),
    ("source = aws_cloudtrail", lambda e: e.source_type == "AWS_Cloudtrail"),
    ("account = 111122223334", lambda e: e.account_id == "111122223334"),
    ("reason contains 'reason 2'", lambda e: "Reason 2" in e.reason),
    ("synthetic = yes", lambda e: e.synthetic),
    ("synthetic != yes", lambda e: not e.synthetic),
    ('"REASON 3"', lambda e: "Reason 3" in e.reason),
    ('"=cmd" and check = check-1', lambda e: "=cmd" in e.resource_arn and e.check_id == "check-1"),
    ("check = nothing-such", lambda _: False),
    ("assessment = Test", lambda _: False),
    ("type = 'compliance check'", lambda e: e.evidence_type == "Compliance check"),
]


@pytest.mark.parametrize(("text", "holds"), CASES, ids=[text for text, _ in CASES])
def test_answers_are_those_of_plain_python(
    estates: Estates, finder: Finder, text: str, holds: Callable[[Evidence], bool]
) -> None:
    """Pages, counts and streams give the very records that Python finds, newest first."""
    held = [one for one in estates.records[estates.mine.id] if holds(one)]
    if "eu-west-1" in text:
        held = [one for one in held if one.region == "eu-west-1"]
    question = estates.question(text)
    expected = sorted(held, key=lambda one: (one.time, one.id), reverse=True)
    assert _ids(finder, question) == [one.id for one in expected]
    assert finder.count(question) == (len(held), ())
    assert [row.evidence for row in finder.stream(question).rows] == held


@pytest.mark.parametrize("text", [text for text, _ in CASES])
def test_every_query_is_compiled_for_spark_too(estates: Estates, text: str) -> None:
    """The same expression has a form in Spark's dialect: groups, pages and samples."""
    import ibis

    asked = estates.question(text)
    for shape in (
        shapes.page(asked.scope, asked.where, Order(), None, 100),
        shapes.grouped(asked.scope, asked.where, ("control_id", "day", "service"), 100),
        shapes.sampled(asked.scope, asked.where, "s", "8", 25),
    ):
        assert "`evidence`" in str(ibis.to_sql(shape, dialect="pyspark"))


def test_columns_are_those_of_a_segment(estates: Estates) -> None:
    """What the finder thinks a segment holds is what the store writes."""
    import pyarrow.parquet as pq

    chosen = Chosen(tenant=TENANT, assessments=(estates.mine.id,))
    path = estates.store.segment_files(chosen)[0].path
    assert tuple(pq.read_schema(path).names) == COLUMNS


def test_a_row_is_the_leaf_that_it_says(estates: Estates, finder: Finder) -> None:
    """The leaf of each row is its record's entry in the ledger."""
    log = estates.store.log(TENANT)
    for row in finder.page(estates.question("control = C02"), limit=50).rows:
        assert log.entry(row.leaf).hex() == row.evidence.entry


@pytest.mark.parametrize("column", ["time", "resource_arn", "verdict", "synthetic", "event_name"])
@pytest.mark.parametrize("descending", [True, False])
def test_any_order_is_total(
    estates: Estates, finder: Finder, column: str, *, descending: bool
) -> None:
    """Pages of any order join to all records, each once, in that order."""
    order, question = Order(column=column, descending=descending), estates.question("")
    rows: list[Evidence] = []
    cursor = ""
    while True:
        page = finder.page(question, order=order, limit=70, cursor=cursor)
        rows += [row.evidence for row in page.rows]
        cursor = page.cursor
        if not cursor:
            break
    assert len({one.id for one in rows}) == len(rows) == ALL
    if column != "event_name":
        keys = [(getattr(one, column), one.id) for one in rows]
        assert keys == sorted(keys, reverse=descending)


def test_pages_stand_still_while_evidence_arrives(fresh: Estates, fresh_finder: Finder) -> None:
    """A run that is committed between two pages, newer or older, moves nothing."""
    question = fresh.question("")
    first = fresh_finder.page(question, limit=40)
    commit(fresh.store, fresh.mine, FIRST + timedelta(days=FEW))
    commit(fresh.store, fresh.mine, FIRST - timedelta(days=3))
    second = fresh_finder.page(question, limit=1000, cursor=first.cursor)
    ids = [row.evidence.id for row in (*first.rows, *second.rows)]
    assert sorted(ids) == sorted(one.id for one in fresh.records[fresh.mine.id])
    assert fresh_finder.count(question)[0] == FEW * OF_A_DAY + 2 * OF_A_DAY


def test_a_count_is_told_again_without_reading(
    fresh: Estates, fresh_finder: Finder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same question of the same segments is not asked twice; another one, or new ones, are."""
    question = fresh.question("control ~ C0*")
    number, _ = fresh_finder.count(question)
    with monkeypatch.context() as patched:
        patched.setattr(fresh_finder, "_answers", lambda *_: 1 / 0)
        assert fresh_finder.count(question) == (number, ())
        with pytest.raises(ZeroDivisionError):
            fresh_finder.count(fresh.question("control ~ C00*"))
        commit(fresh.store, fresh.mine, FIRST + timedelta(days=FEW))
        with pytest.raises(ZeroDivisionError):
            fresh_finder.count(question)
    read: list[int] = []
    told = fresh_finder._answers

    def answers(some: Sequence[SegmentFile], *asked: Any) -> Any:
        read.append(len(some))
        return told(some, *asked)

    with monkeypatch.context() as patched:
        patched.setattr(fresh_finder, "_answers", answers)
        assert fresh_finder.count(question)[0] > number > 0
    assert read == [1], "what was counted before was read again"


@pytest.mark.parametrize("text", ["", "control = C02", "gap = denied and id != 1", "id = 1"])
@pytest.mark.parametrize("descending", [True, False])
def test_a_walk_in_small_steps_gives_what_one_step_gives(
    estates: Estates,
    finder: Finder,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    *,
    descending: bool,
) -> None:
    """Pages by time over segments of the same hours, a few at a time, leave nothing out."""
    question = estates.question(text, estates.mine, estates.second)
    order = Order(descending=descending)
    whole = finder.page(question, order=order, limit=1000).rows
    monkeypatch.setattr(Duck, "first_step", 20)
    rows: list[Found] = []
    cursor = ""
    while not rows or cursor:
        page = finder.page(question, order=order, limit=45, cursor=cursor)
        rows += page.rows
        cursor = page.cursor
        if not page.rows:
            break
    assert rows == list(whole)


def test_a_warm_finder_has_loaded_what_questions_need(fresh: Estates) -> None:
    """`warm` imports the engine and what writes its queries, in a process that has neither."""
    script = (
        "import sys; from affidavit.finder.engine import Finder; "
        "from affidavit.settings import Settings; from affidavit.store import open_store\n"
        "from pathlib import Path; home, keys = map(Path, sys.argv[1:])\n"
        "with open_store(Settings(home=home, keys=keys)) as store, Finder(store) as finder:\n"
        "    late = {'duckdb', 'ibis', 'ibis.backends.sql.compilers.duckdb'}\n"
        "    assert not late & set(sys.modules), late & set(sys.modules)\n"
        "    finder.warm()\n"
        "    assert late <= set(sys.modules), late - set(sys.modules)\n"
    )
    told = [sys.executable, "-c", script, str(fresh.settings.home), str(fresh.settings.keys)]
    done = subprocess.run(told, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_cursor_continues_only_its_own_question(estates: Estates, finder: Finder) -> None:
    """Another query, order or scope, or a cursor made up, is refused."""
    question = estates.question("")
    cursor = finder.page(question, limit=10).cursor
    with pytest.raises(QueryError):
        finder.page(estates.question("control = C01"), cursor=cursor)
    with pytest.raises(QueryError):
        finder.page(estates.question("", estates.second), cursor=cursor)
    with pytest.raises(QueryError):
        finder.page(question, order=Order(descending=False), cursor=cursor)
    asked = fingerprint(question, Order())
    wrong = [Cursor(question=asked, size=9, value=x, id="").text() for x in ("x", "2026-01-01")]
    for made_up in ("x", "W10", "é", cursor[:-4], *wrong):
        with pytest.raises(QueryError):
            finder.page(question, cursor=made_up)


def test_nobody_else_s_evidence_is_ever_read(estates: Estates, finder: Finder) -> None:
    """Whatever the query says, answers are of the tenant and the assessments of the scope."""
    for text in ("", "region = x or not region = x", f"assessment in ({estates.mine.id}, Test)"):
        found = {row.evidence.assessment_id for row in finder.page(estates.question(text)).rows}
        assert found == {estates.mine.id}
    foreign = Scope(tenant=OTHER, assessments=(estates.mine.id,))
    question = Question(scope=foreign, where=estates.question("").where)
    assert finder.page(question).rows == ()
    assert finder.count(question) == (0, ())
    with pytest.raises(StoreError):
        Scope(tenant=TENANT, assessments=())
    with pytest.raises(StoreError):
        Scope(tenant="", assessments=(estates.mine.id,))


def test_only_what_is_registered_is_evidence(fresh: Estates, fresh_finder: Finder) -> None:
    """A file beside the segments that the database does not name is never read."""
    chosen = Chosen(tenant=TENANT, assessments=(fresh.mine.id,))
    path = fresh.store.segment_files(chosen)[0].path
    path.with_name("0" * 64 + ".parquet").write_bytes(path.read_bytes())
    assert fresh_finder.count(fresh.question(""))[0] == FEW * OF_A_DAY


def _flip(path: Path) -> None:
    """Change one byte in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0x40
    path.write_bytes(bytes(data))


def _cut(path: Path) -> None:
    """Take the second half of a file away."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("harm", [_flip, _cut, Path.unlink], ids=["flip", "cut", "gone"])
@pytest.mark.parametrize("warm", [True, False])
def test_a_damaged_segment_is_named_and_the_rest_is_served(
    fresh: Estates,
    fresh_finder: Finder,
    harm: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
    *,
    warm: bool,
) -> None:
    """A flipped byte, a truncated or missing file: named in every answer, the rest is there.

    Where it lies on the server, its log says alone.
    """
    caplog.set_level("INFO", "affidavit.finder")
    question = fresh.question("")
    if warm:
        assert fresh_finder.count(question)[0] == FEW * OF_A_DAY
    files = fresh.store.segment_files(Chosen(tenant=TENANT, assessments=(fresh.mine.id,)))
    harm(files[1].path)
    rest = FEW * OF_A_DAY - OF_A_DAY
    number, missing = fresh_finder.count(question)
    assert number == rest
    name = f"segments/{files[1].day}/{files[1].path.name}"
    assert [one.segment for one in missing] == [name]
    assert (missing[0].rows, missing[0].day) == (OF_A_DAY, files[1].day)
    assert missing[0].why.startswith(f"The segment {name} is damaged.")
    assert str(files[1].path) in caplog.text
    page = fresh_finder.page(question, limit=1000)
    assert (len(page.rows), len(page.unreadable)) == (rest, 1)
    groups = fresh_finder.groups(question, [FIELDS["day"]])
    assert (groups.total, len(groups.unreadable)) == (rest, 1)
    sample = fresh_finder.sample(question, 5, "s")
    assert (sample.population, len(sample.unreadable)) == (rest, 1)
    stream = fresh_finder.stream(question)
    assert len(list(stream.rows)) == rest
    assert len(stream.unreadable) == 1


def test_groups_count_every_row_once(estates: Estates, finder: Finder) -> None:
    """Groups are those of a counter in Python, the largest first."""
    fields = [FIELDS["control"], FIELDS["compliance"], FIELDS["day"]]
    groups = finder.groups(estates.question("region = us-east-1"), fields)
    expected = Counter(
        (one.control_id, one.verdict.value, one.time.date().isoformat())
        for one in estates.records[estates.mine.id]
        if one.region == "us-east-1"
    )
    assert dict(groups.rows) == expected
    assert [n for _, n in groups.rows] == sorted(expected.values(), reverse=True)
    for field in FIELDS.values():
        if field.grouped:
            assert finder.groups(estates.question(""), [field]).total == ALL
        else:
            with pytest.raises(QueryError):
                finder.groups(estates.question(""), [field])


def test_a_sample_is_drawn_as_the_documentation_says(estates: Estates, finder: Finder) -> None:
    """Anybody can draw the same sample: the least SHA-256 over seed, line feed and id."""
    question = estates.question("compliance = NON_COMPLIANT")
    held = [e for e in estates.records[estates.mine.id] if e.verdict.value == "NON_COMPLIANT"]
    drawn = sorted(held, key=lambda one: sha256(f"q3 \n{one.id}".encode()).hexdigest())[:25]
    sample = finder.sample(question, 25, "q3 ")
    assert [row.evidence.id for row in sample.rows] == [one.id for one in drawn]
    assert sample.population == len(held)
    assert finder.sample(question, 25, "q4").rows != sample.rows
    assert len(finder.sample(question, 1000, "q3 ").rows) == len(held)
    with mock.patch.object(shapes, "edges", return_value=["0", "08", "8", "g"]):
        assert finder.sample(question, 25, "q3 ").rows == sample.rows
    assert list(shapes.edges(25, 10**6)) == sorted(shapes.edges(25, 10**6))


def test_the_newest_page_reads_few_segments(estates: Estates) -> None:
    """A page by time touches only the segments that its rows can be in."""
    files = estates.store.segment_files(
        Chosen(
            tenant=TENANT,
            assessments=(estates.mine.id,),
            first_time=datetime(2026, 10, 4, tzinfo=UTC),
            end_time=datetime(2026, 10, 6, tzinfo=UTC),
        )
    )
    assert [one.day for one in files] == ["2026-10-05", "2026-10-04"]
    one = estates.records[estates.mine.id][100]
    few = estates.store.segment_files(
        Chosen(tenant=TENANT, assessments=(estates.mine.id,), first_id=one.id, last_id=one.id)
    )
    assert [date.fromisoformat(f.day) for f in few] == [one.time.date()]


def test_the_largest_queries_are_answered(estates: Estates, finder: Finder) -> None:
    """The longest lists and the deepest nesting that the language allows reach the engine."""
    many = " or ".join(["id=x"] * 999 + ["control = C01"])
    assert finder.count(estates.question(many))[0] > 0
    deep = "not (" * 37 + "control = C01" + ")" * 37
    assert finder.count(estates.question(deep))[0] > 0
    listed = "id in (" + ",".join(f"x{n}" for n in range(1000)) + ")"
    assert finder.count(estates.question(listed))[0] == 0


def test_too_many_rows_are_refused(estates: Estates, finder: Finder) -> None:
    """Pages and samples are bounded, since they are in memory at once."""
    for number in (0, 10_001):
        with pytest.raises(QueryError):
            finder.page(estates.question(""), limit=number)
        with pytest.raises(QueryError):
            finder.sample(estates.question(""), number, "s")
