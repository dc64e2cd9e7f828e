"""The finder's language: what is read, what is refused, and where it points."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affidavit.errors import QueryError
from affidavit.finder import bound as b
from affidavit.finder.bind import Names, bind
from affidavit.finder.fields import FIELDS
from affidavit.finder.parse import MAX_LENGTH, parse
from affidavit.finder.patterns import matches, pieces_of
from affidavit.finder.tree import EVERYTHING, And, Expression, Not, Operator, Or, Term, Text, Word

NAMES = Names(
    assessments={"a1": "Production", "a2": "Test"},
    domains={"GENAI-PRIV-01": "Privacy", "GENAI-PRIV-02": "Privacy", "GENAI-SAFE-01": "Safety"},
    categories={"s3": "Storage", "iam": "Security"},
)
FIRST = datetime(2026, 10, 1, tzinfo=UTC)
SECOND = datetime(2026, 10, 2, tzinfo=UTC)


def _bound(text: str) -> b.Bound:
    """Return a query as the engine gets it."""
    return bind(parse(text), NAMES, text)


def test_the_issue_s_own_query_is_read() -> None:
    """The example of the design becomes five plain conditions."""
    text = (
        "control = GENAI-PRIV-02 and compliance in (NON_COMPLIANT) and time >= 2026-10-01 "
        'and resource.arn ~ "arn:aws:s3:::*-logs"'
    )
    assert _bound(text) == b.AllOf(
        (
            b.OneOf("control_id", ("GENAI-PRIV-02",)),
            b.OneOf("verdict", ("NON_COMPLIANT",)),
            b.Within(FIRST, None),
            b.Pattern("resource_arn", ("arn:aws:s3:::", "", "-logs")),
        )
    )


def test_and_binds_closer_than_or_and_not_closest() -> None:
    """The usual order of the three holds, and brackets change it."""
    x, y, z = (Term(Word("region"), Operator.EQUAL, (Word(w),)) for w in "xyz")
    assert parse("region=x or region=y and not region=z") == Or((x, And((y, Not(z)))))
    assert parse("(region=x or region=y) and region=z") == And((Or((x, y)), z))


def test_keywords_in_any_case_and_words_that_begin_like_them() -> None:
    """AND is and; a value such as `android` or `in-house` is a word like any other."""
    assert parse("region = android AND account = in-house") == parse(
        'region = "android" and account = "in-house"'
    )


def test_nothing_asks_for_everything() -> None:
    """The empty query is no error."""
    assert parse(" \n") == EVERYTHING
    assert _bound("") == b.AllOf(())


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("contrl = x", 1, "Did you mean control?"),
        ("region = x and acount = 1", 16, "Did you mean account?"),
        ("compliance = NONCOMPLIANT", 14, "Did you mean non_compliant?"),
        ("assessment = Prodction", 14, "Did you mean Production?"),
        ("control.domain = Privcy", 18, "Did you mean Privacy?"),
        ("time >= 2026-13-01", 9, "2026-10-01"),
        ("time >= 2026-10-01T10:00:00", 9, "zone"),
        ("day = 2026-10-01T10:00:00Z", 7, "UTC day"),
        ("reason < 3", 1, "contains"),
        ("synthetic = maybe", 13, "yes"),
        ("region =", 9, "a word"),
        ("region x", 8, "contains"),
        ("(region = x", 12, ")"),
        ("region = x)", 11, "the end"),
        ("region in ()", 12, "a word"),
        ('region = "x', 10, "quotation"),
        ("region = x # y", 12, "quotation"),
        ('text contains ""', 15, "look for"),
    ],
)
def test_what_is_wrong_is_pointed_at(text: str, column: int, words: str) -> None:
    """The error names the column and what would be right there."""
    with pytest.raises(QueryError) as caught:
        _bound(text)
    assert caught.value.column == column
    assert words in caught.value.todo
    assert caught.value.why.splitlines()[-1].index("^") == column + 1


@pytest.mark.parametrize(
    "text",
    [
        "region = x and " * 2000 + "region = x",
        "x" * (MAX_LENGTH + 1),
        "not " * 100 + "region = x",
        "(" * 4000 + "region = x" + ")" * 3999,
        "not (" * 60 + "region = x" + ")" * 60,
        "region in (" + ", ".join("a" * 3 for _ in range(1500)) + ")",
        " or ".join(["id=x"] * 1200),
    ],
)
def test_what_is_too_large_is_refused(text: str) -> None:
    """Length, depth and lists have an end; none of them exhausts the stack."""
    with pytest.raises(QueryError):
        _bound(text)


def test_a_day_is_all_of_it() -> None:
    """Days compare by their whole span, in UTC; times with a zone by the moment."""
    assert _bound("time = 2026-10-01") == b.Within(FIRST, SECOND)
    assert _bound("time != 2026-10-01") == b.Inverse(b.Within(FIRST, SECOND))
    assert _bound("time > 2026-10-01") == b.Within(SECOND, None)
    assert _bound("time <= 2026-10-01") == b.Within(None, SECOND)
    assert _bound("time < 2026-10-01") == b.Within(None, FIRST)
    assert _bound("time >= 2026-10-01T02:00:00+02:00") == b.Within(FIRST, None)


def test_names_stand_for_what_they_name() -> None:
    """Assessments, control domains and categories are looked up before anything is read."""
    privacy = ("GENAI-PRIV-01", "GENAI-PRIV-02")
    assert _bound("control.domain = privacy") == b.OneOf("control_id", privacy)
    assert _bound("control.domain != Privacy") == b.OneOf("control_id", privacy, negated=True)
    assert _bound("control.domain ~ S*") == b.OneOf("control_id", ("GENAI-SAFE-01",))
    assert _bound("assessment in (Production, a2)") == b.OneOf("assessment_id", ("a1", "a2"))
    assert _bound("service.category contains stor") == b.OneOf("service", ("s3",))


def test_only_an_unmistakable_range_narrows_what_is_read() -> None:
    """The reach of a query is never narrower than its answers."""
    both = b.reach(_bound("time >= 2026-10-01 and (time < 2026-10-02 and region = x)"))
    assert (both.first, both.end) == (FIRST, SECOND)
    either = b.reach(_bound("time = 2026-10-01 or time >= 2026-10-02"))
    assert (either.first, either.end) == (FIRST, None)
    for open_ended in ("time = 2026-10-01 or region = x", "not time = 2026-10-01"):
        assert b.reach(_bound(open_ended)) == b.Reach()
    low, high = "01a060ea-c866-7978-b8ba-706ad9beabb2", "01a060eb-c866-7978-b8ba-706ad9beabb2"
    some = b.reach(_bound(f"id in ({high}, {low})"))
    assert (some.first_id, some.last_id) == (low, high)
    assert b.reach(_bound(f"id in ({high}, {low.upper()})")) == b.Reach()
    assert b.reach(_bound("id = a or region = x")) == b.Reach()
    assert b.reach(_bound("id != a")) == b.Reach()


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("a*c", "abc", True),
        ("a*c", "ac", True),
        ("a*a", "a", False),
        ("a?c", "ac", False),
        ("a?c", "a\nc", True),
        ("*", "", True),
        ("", "", True),
        (r"a\*", "a*", True),
        (r"a\*", "ab", False),
        ("a.c", "abc", False),
        ("[a]", "a", False),
    ],
)
def test_patterns_match_whole_values(pattern: str, value: str, *, expected: bool) -> None:
    """Only * and ? are special, and everything of the value must match."""
    assert matches(pieces_of(pattern), value) is expected


_VALUES = st.text(min_size=1, max_size=12).map(Word)
_TERMS = st.one_of(
    st.builds(
        lambda name, value: Term(Word(name), Operator.EQUAL, (value,)),
        st.sampled_from(sorted(FIELDS)),
        _VALUES,
    ),
    st.builds(
        lambda values: Term(Word("region"), Operator.NOT_IN, tuple(values)),
        st.lists(_VALUES, min_size=1, max_size=3),
    ),
    st.builds(Text, _VALUES),
)


def _nested(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    """Return trees one level deeper."""
    some = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(And, some), st.builds(Or, some), st.builds(Not, inner))


@given(st.recursive(_TERMS, _nested, max_leaves=8))
def test_a_tree_written_is_the_tree_read(tree: Expression) -> None:
    """What `str` writes is read as the same tree, whatever the values are."""
    assert parse(str(tree)) == tree


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text does anything else than parse or raise `QueryError`."""
    with suppress(QueryError):
        hash(_bound(text))
