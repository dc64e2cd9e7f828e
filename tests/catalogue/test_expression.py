"""The reader of CEL, and what it finds that an expression reads."""

import pytest

from affidavit.catalogue import load
from affidavit.catalogue.expression import (
    Call,
    ExpressionError,
    ListOf,
    Literal,
    Macro,
    MapOf,
    Name,
    Select,
    parse,
)
from affidavit.catalogue.reads import reads_of


def members(*texts: str) -> dict[str, bool]:
    """Return what expressions read, and whether each is required."""
    return reads_of(*(parse(text) for text in texts)).members()


def test_operators_bind_as_in_cel() -> None:
    """`||` is weaker than `&&`, which is weaker than a comparison, then sums, then products."""
    tree = parse("a || b && c == d + e * f")
    assert isinstance(tree, Call)
    assert tree.function == "||"
    assert tree.arguments[0] == Name("a")
    right = tree.arguments[1]
    assert isinstance(right, Call)
    assert right.function == "&&"
    assert right.arguments[1] == Call(
        "==",
        None,
        (
            Name("c"),
            Call("+", None, (Name("d"), Call("*", None, (Name("e"), Name("f"))))),
        ),
    )


def test_members_macros_and_literals() -> None:
    """Everything that checks write has a node."""
    assert parse("r.a.b") == Select(Select(Name("r"), "a"), "b")
    assert parse('r.all(x, x == "a")') == Macro(
        "all", Name("r"), "x", Call("==", None, (Name("x"), Literal("a")))
    )
    assert parse("[1, 2.5, true, null]") == ListOf(
        (Literal(1), Literal(2.5), Literal(value=True), Literal(None))
    )
    assert parse('{"a": 1}') == MapOf(((Literal("a"), Literal(1)),))
    assert parse("!a ? -1 : 1") == Call(
        "?:",
        None,
        (Call("!", None, (Name("a"),)), Call("-", None, (Literal(1),)), Literal(1)),
    )


@pytest.mark.parametrize(
    "text", ["", "a b", "a &", "(a", "[a", "{a: 1", "a.", "a ? b", "a.all(1, b)", "a.all(x)", "§"]
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    """The reader stops at what it does not know, and says so."""
    with pytest.raises(ExpressionError):
        parse(text)


def test_a_tested_member_is_optional_and_any_other_required() -> None:
    """has() speaks for the absence; without it, absence leaves the check undecided."""
    assert members("has(r.Op.a) && r.Op.a > 1 && r.Op.b") == {"r.Op.a": False, "r.Op.b": True}


def test_a_test_in_one_expression_counts_in_all() -> None:
    """Both applies and compliant are read together."""
    assert members("has(r.Op.a)", "r.Op.a == 1") == {"r.Op.a": False}


def test_an_operation_is_a_member_only_where_its_absence_is_tested() -> None:
    """r.Op leads on; has(r.Op) says that there may be none."""
    assert members("r.Op.a") == {"r.Op.a": True}
    assert members("has(r.Op) && r.Op.a") == {"r.Op": False, "r.Op.a": True}


def test_variables_of_macros_stand_for_elements() -> None:
    """Paths name list elements as []."""
    found = members("r.Op.list.exists(x, x.kind == p.kind && x.tags.all(t, t.key in p.keys))")
    assert found == {
        "r.Op.list": True,
        "r.Op.list[].kind": True,
        "r.Op.list[].tags": True,
        "r.Op.list[].tags[].key": True,
    }


def test_filters_and_indexes_keep_the_path() -> None:
    """A filtered list is the list, an index one of its elements."""
    assert members("size(r.Op.list.filter(x, has(x.a))) > 1 && r.Op.list[0].b") == {
        "r.Op.list": True,
        "r.Op.list[].a": False,
        "r.Op.list[].b": True,
    }


def test_the_key_of_a_map_is_tested_by_in() -> None:
    """`"Bool" in s.Condition` is the has() of maps."""
    found = members(
        'r.policy.exists(s, "Bool" in s.Condition && "k:x" in s.Condition.Bool'
        ' && "v" in s.Condition.Bool["k:x"])'
    )
    assert found == {
        "r.policy": True,
        "r.policy[].Condition": True,
        "r.policy[].Condition.Bool": False,
        "r.policy[].Condition.Bool.k:x": False,
    }


def test_other_sets_are_read_by_name() -> None:
    """acct.set.<name> is a list of records, each with its own members."""
    assert members("size(acct.set.bucket) > 0") == {"acct.set.bucket": True}
    assert members("acct.set.trail.exists(t, t.item.a && has(t.Op.b))") == {
        "acct.set.trail": True,
        "acct.set.trail[].Op.b": False,
        "acct.set.trail[].item.a": True,
    }


def test_constants_and_parameters_are_known_with_what_they_are_compared_to() -> None:
    """So that values which AWS never answers are found."""
    reads = reads_of(
        parse('(has(r.o.a) ? r.o.a : r.o.b) in ["X", "Y"] && {"K": 1}[r.o.c] > 0 && r.o.d == p.e')
    )
    assert {("r.o.a", "X"), ("r.o.b", "Y")} <= reads.constants
    assert reads.tables == {("r.o.c", ("K",))}
    assert ("r.o.d", "p.e") in reads.params
    assert reads.parameters == {"e"}


def test_the_reader_understands_every_expression_of_the_catalogue() -> None:
    """No check is left out of the validation."""
    for check in load().checks.values():
        for text in (check.applies, check.compliant, check.inconclusive, check.empty_when):
            if text:
                parse(text)
        assert {m.path for m in check.reads}
        assert all(m.kind for m in check.reads)
        assert all(m.required != bool(m.absent_means) for m in check.reads)
