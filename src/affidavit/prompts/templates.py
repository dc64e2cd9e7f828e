"""Templates in suites: what promptfoo's users write between `{{` and `}}`, read and never run.

Jinja's parser reads a text (Nunjucks, which promptfoo renders by, took its form over); nothing that
it compiles is run. What stands for something is a variable, or a text in quotes, with filters of
`FILTERS`; `{% raw %}` keeps braces. Loops, conditions, attributes, sums, other filters are refused
by name: a template that is not rendered would be sent as it stands.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from jinja2 import Environment, TemplateSyntaxError, nodes

MAX_LENGTH: Final = 1_000_000
"""Characters of what a filter makes."""
MAX_FILTERS: Final = 20
"""In one place."""
_SIGNS: Final = ("{{", "{%", "{#")
_READER: Final = Environment(autoescape=False, keep_trailing_newline=True)  # noqa: S701 - only parses


class TemplateError(ValueError):
    """A template that is not rendered; the message says why, for a person."""


@dataclass(frozen=True, slots=True)
class Place:
    """What stands for a text: a variable, or a text in quotes, and its filters."""

    name: str
    """Of the variable; empty: `literal` stands here."""
    literal: str
    filters: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def default(self) -> str | None:
        """The text in place of a variable that is not there, if the first filter names one."""
        if self.filters and self.filters[0][0] == "default":
            return self.filters[0][1][0]
        return None

    def filtered(self, text: str) -> str:
        """Return a text once it went through the filters."""
        for name, values in self.filters:
            text = FILTERS[name].apply(text, *values)
            if len(text) > MAX_LENGTH:
                message = f"The filter {name} makes more than {MAX_LENGTH} characters."
                raise TemplateError(message)
        return text


@dataclass(frozen=True, slots=True)
class _Filter:
    """A filter, and how many texts stand between its brackets."""

    apply: Callable[..., str]
    values: int = 0


def _title(text: str) -> str:
    return " ".join(word.capitalize() for word in text.split(" "))


def _replace(text: str, old: str, new: str) -> str:
    if not old:
        message = "The filter replace has no text that is to be replaced."
        raise TemplateError(message)
    if len(text) + text.count(old) * len(new) > MAX_LENGTH:
        message = f"The filter replace makes more than {MAX_LENGTH} characters."
        raise TemplateError(message)
    return text.replace(old, new)


def _dump(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


FILTERS: Final[Mapping[str, _Filter]] = {
    "capitalize": _Filter(str.capitalize),
    "default": _Filter(lambda text, _: text, values=1),
    "dump": _Filter(_dump),
    "first": _Filter(lambda text: text[:1]),
    "last": _Filter(lambda text: text[-1:]),
    "length": _Filter(lambda text: str(len(text))),
    "lower": _Filter(str.lower),
    "replace": _Filter(_replace, values=2),
    "reverse": _Filter(lambda text: text[::-1]),
    "safe": _Filter(str),
    "string": _Filter(str),
    "title": _Filter(_title),
    "trim": _Filter(str.strip),
    "upper": _Filter(str.upper),
}
"""As Nunjucks has them, for texts."""


def parts(text: str) -> Sequence[str | Place]:
    """Return a text in parts: what stays, and what stands for something.

    Raises `TemplateError` for whatever is no variable with known filters.
    """
    return _read(text) if any(sign in text for sign in _SIGNS) else (text,)


@lru_cache(maxsize=256)
def _read(text: str) -> Sequence[str | Place]:
    """Return a template in parts; each case of a suite asks for the same ones."""
    try:
        body = _READER.parse(text).body
    except (TemplateSyntaxError, ValueError, RecursionError) as error:
        why = str(error).partition("\n")[0]
        message = f"It has a template that cannot be read ({why}); to keep braces as they"
        raise TemplateError(f"{message} are, write {{% raw %}}...{{% endraw %}}.") from error
    found: list[str | Place] = []
    for statement in body:
        if not isinstance(statement, nodes.Output):
            raise TemplateError(_refused("{% " + type(statement).__name__.lower() + " %}"))
        found += [
            n.data if isinstance(n, nodes.TemplateData) else _place(n) for n in statement.nodes
        ]
    return tuple(found)


def _place(node: nodes.Expr) -> Place:
    filters: list[tuple[str, tuple[str, ...]]] = []
    while isinstance(node, nodes.Filter) and node.node is not None:
        if len(filters) == MAX_FILTERS:
            message = f"It has more than {MAX_FILTERS} filters in one place."
            raise TemplateError(message)
        filters.insert(0, (node.name, _values(node)))
        node = node.node
    if isinstance(node, nodes.Name):
        return Place(node.name, "", tuple(filters))
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        return Place("", node.value, tuple(filters))
    raise TemplateError(_refused(_named(node)))


def _values(node: nodes.Filter) -> tuple[str, ...]:
    known = FILTERS.get(node.name)
    if known is None:
        message = f"The filter {node.name} is not known here. Known: {', '.join(FILTERS)}."
        raise TemplateError(message)
    consts = [one.value for one in node.args if isinstance(one, nodes.Const)]
    texts = [value for value in consts if isinstance(value, str)]
    others = len(node.args) > len(texts) or node.kwargs or node.dyn_args or node.dyn_kwargs
    if others or len(texts) != known.values:
        message = f"The filter {node.name} takes {known.values} texts in quotes here."
        raise TemplateError(message)
    return tuple(texts)


def _named(node: nodes.Expr) -> str:
    if isinstance(node, nodes.Getattr | nodes.Getitem):
        return "a member of a value (x.y, x[0])"
    if isinstance(node, nodes.Call):
        return "a call"
    if isinstance(node, nodes.CondExpr):
        return "a condition"
    return f"an expression ({type(node).__name__})"


def _refused(what: str) -> str:
    return (
        f"It has {what} in a template. Only variables and their filters are filled in; to keep"
        " braces as they are, write {% raw %}...{% endraw %}."
    )


def escaped(text: str) -> str:
    """Return the template that stands for a text as it is.

    Raises `TemplateError` for a text that none stands for.
    """
    if not any(sign in text for sign in _SIGNS):
        return text
    made = "{% raw %}" + text + "{% endraw %}"
    if parts(made) != (text,):
        message = "It has {% endraw %}, or ends of lines of several kinds, beside braces."
        raise TemplateError(message)
    return made
