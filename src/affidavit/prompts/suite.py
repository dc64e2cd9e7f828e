"""Suites and their cases: what is asked, and what each answer must be."""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Final

from affidavit.errors import UsageError
from affidavit.logscan.placeholders import Placeholders
from affidavit.model.canonical import digest, digest_of
from affidavit.prompts import patterns, providers, templates
from affidavit.prompts.assertions import Assertion, parse
from affidavit.prompts.conversations import Conversation, conversation
from affidavit.prompts.providers import Provider
from affidavit.prompts.suites_yaml import Node, read, refuse

MAX_CASES: Final = 20_000
MAX_PROMPT: Final = 100_000
"""Characters of a prompt once its variables are filled in."""
MAX_CHARACTERS: Final = 64 * 2**20
"""Of all prompts of a suite together."""
MAX_FILLED: Final = 1_000_000
"""Variables that are filled in, in a suite: those that stand for others double at each step."""
MAX_ASSERTIONS: Final = 200_000
"""Of all cases together: those of `defaultTest`, or of a form, are every case's."""
_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_TOP: Final = frozenset(
    {"id", "kind", "description", "prompts", "providers", "tests", "defaultTest", "seed"}
    | {"system"}
)
_TEST: Final = frozenset({"description", "vars", "assert", "metadata"})
_FILE: Final = re.compile(
    r"\s*(?:file://\S+|[\w./*-]+\.(?:txt|md|jsonl?|ya?ml|csv|j2|py|[cm]?js))\s*"
)
_MADE: Final = frozenset({"placeholder", "sentence", "phone"})
KINDS: Final = ("pass", "parity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One prompt with what its answer must be."""

    id: str
    """Stable while the suite stands: its place in the file, and a digest of what is asked."""
    prompt: str
    """The user's message, or the last one of a conversation."""
    assertions: tuple[Assertion, ...]
    family: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """`attribute`, `group`, `pair` and `favourable` (RE2) in suites of kind parity; `reference` (an
    answer to compare with), `label` (of a classification)."""
    recorded: str | None = None
    """An answer that came with the case (imported evaluation results)."""
    system: str = ""
    """What the model is told first."""
    messages: tuple[Mapping[str, str], ...] = ()
    """Earlier turns, as in `target.Request`."""

    @property
    def conversation(self) -> str:
        """Return the turns as one text; a prompt without earlier ones as it is."""
        if not self.messages:
            return self.prompt
        said = [*self.messages, {"role": "user", "text": self.prompt}]
        return "\n\n".join(f"{one['role']}: {one['text']}" for one in said)

    @property
    def characters(self) -> int:
        """Return how many characters are asked."""
        return len(self.system) + len(self.prompt) + sum(len(m["text"]) for m in self.messages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A suite, and the digest of the bytes that it was read from."""

    id: str
    kind: str
    description: str
    digest: str
    cases: tuple[Case, ...]
    shipped: bool = False
    providers: tuple[Provider, ...] = ()
    """The models that it names itself; asked where who runs it names none."""


def shipped() -> tuple[str, ...]:
    """Return the ids of the suites that come with the product."""
    folder = resources.files("affidavit.prompts") / "suites"
    return tuple(sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".yaml")))


def load(name: str) -> Suite:
    """Return a shipped suite by its id, or the suite in a file (YAML).

    Raises `UsageError` with file and line for whatever does not hold.
    """
    if name in shipped():
        data = (resources.files("affidavit.prompts") / "suites" / f"{name}.yaml").read_bytes()
        return from_yaml(data, f"{name}.yaml", is_shipped=True)
    path = Path(name)
    if not path.is_file():
        raise unknown(name)
    return from_yaml(path.read_bytes(), path.name)


def unknown(name: str) -> UsageError:
    """Return the error that there is no suite of a name."""
    return UsageError(
        f"There is no suite {name!r}",
        why=f"Shipped are {', '.join(shipped())}; there is no own one, and no file, of the name.",
        todo="`affidavit prompts list` shows the suites.",
    )


def from_yaml(data: bytes, name: str, *, is_shipped: bool = False) -> Suite:
    """Return the suite that a YAML document describes; see `load`."""
    top = read(data, name)
    return _Builder(name, top).suite(digest(data), is_shipped=is_shipped)


class _Builder:
    """Builds one suite; every refusal names the line."""

    def __init__(self, name: str, top: Node) -> None:
        self.name = name
        self.top = top
        self.default: dict[str, Node] = {}
        self.compares = False
        self._system = ""
        self._filled = 0
        self._characters = 0
        self._judged = 0

    def suite(self, its_digest: str, *, is_shipped: bool) -> Suite:
        """Return the suite."""
        members = self._members(self.top, _TOP)
        if "defaultTest" in members:
            self.default = self._members(members["defaultTest"], _TEST)
        seed = self._scalar(members, "seed", 1)
        if not isinstance(seed, int):
            refuse(self.name, members["seed"].line, "`seed` is a whole number.")
        identifier = str(self._scalar(members, "id", Path(self.name).stem))
        if not _ID.fullmatch(identifier):
            refuse(self.name, self.top.line, f"`id` is {_ID.pattern}.")
        kind = self._scalar(members, "kind", "pass")
        if kind not in KINDS:
            refuse(self.name, members["kind"].line, f"`kind` is one of {', '.join(KINDS)}.")
        self.compares = kind == "parity"
        cases = tuple(itertools.islice(self._cases(members, Placeholders(seed)), MAX_CASES + 1))
        if not cases or len(cases) > MAX_CASES:
            refuse(self.name, self.top.line, f"A suite has 1 to {MAX_CASES} cases.")
        return Suite(
            id=identifier,
            kind=str(kind),
            description=str(self._scalar(members, "description", "")),
            digest=its_digest,
            cases=cases,
            shipped=is_shipped,
            providers=(
                providers.read(self.name, members["providers"]) if "providers" in members else ()
            ),
        )

    def _cases(self, members: Mapping[str, Node], made: Placeholders) -> Iterator[Case]:
        prompts = self._prompts(members)
        for number, test in enumerate(self._list(members, "tests"), 1):
            own = self._members(test, _TEST)
            metadata = {**self._texts(self.default, "metadata"), **self._texts(own, "metadata")}
            values = self._vars(own, made)
            for place, prompt, combination, chosen in _asked(prompts, values):
                asked = self._said(prompt, chosen, test.line)
                assertions = tuple(self._assertions(own, chosen))
                self._judged += len(assertions)
                if self._judged > MAX_ASSERTIONS:
                    refuse(self.name, test.line, f"It has more than {MAX_ASSERTIONS} assertions.")
                family = metadata.get("family", "") or str(
                    self._scalar(own, "description", "general")
                )
                pair = {"pair": f"{place}.{combination}"} if "group" in metadata else {}
                yield Case(
                    id=f"{number}.{place}-{_digest(asked)[:12]}",
                    **asked,
                    assertions=assertions,
                    family=family,
                    metadata=pair | self._about(metadata, chosen, test.line),
                )

    def _prompts(self, members: Mapping[str, Node]) -> list[Conversation]:
        """Return what is asked; what all are told first has no variable, for none is one of all."""
        text = str(self._scalar(members, "system", ""))
        self._system = self._fill(text, {}, members["system"].line, ()) if text else ""
        found = []
        for prompt in self._list(members, "prompts"):
            self._require_no_file(prompt)
            found.append(conversation(self.name, prompt))
            if found[-1].system and self._system:
                refuse(self.name, prompt.line, "It has a system message, and so has the suite.")
        return found

    def _said(self, asked: Conversation, chosen: Mapping[str, str], line: int) -> dict[str, Any]:
        """Return what of a case is asked, filled in."""

        def fill(text: str) -> str:
            filled = self._fill(text, chosen, asked.line, ())
            self._characters += len(filled)
            if self._characters > MAX_CHARACTERS:
                refuse(self.name, line, f"It has more than {MAX_CHARACTERS} characters.")
            return filled

        return {
            "prompt": fill(asked.prompt),
            "system": fill(asked.system) if asked.system else self._system,
            "messages": tuple({"role": r, "text": fill(t)} for r, t in asked.earlier),
        }

    def _about(
        self, metadata: Mapping[str, str], chosen: Mapping[str, str], line: int
    ) -> dict[str, str]:
        about = {k: self._fill(v, chosen, line, ()) for k, v in metadata.items()}
        for name in patterns.OF_ANSWERS & about.keys():
            if problem := patterns.problem_of(about[name]):
                refuse(self.name, line, f"`{name}` {problem}")
        return about

    def _assertions(
        self, own: Mapping[str, Node], chosen: Mapping[str, str]
    ) -> Iterator[Assertion]:
        found = [
            *self._list(self.default, "assert", empty=True),
            *self._list(own, "assert", empty=True),
        ]
        favours = {**self._texts(self.default, "metadata"), **self._texts(own, "metadata")}
        if not found and not (self.compares and "favourable" in favours):
            line = next((n.line for n in own.values()), self.top.line)
            refuse(self.name, line, "A test without assertions would prove nothing.")
        for entry in found:
            if not isinstance(entry.value, dict):
                refuse(self.name, entry.line, "An assertion is a mapping with `type`.")
            filled = _filled(entry.plain(), lambda t, e=entry: self._value_of(t, chosen, e))
            try:
                yield parse(filled)
            except UsageError as error:
                refuse(self.name, entry.line, error.in_a_line)

    def _value_of(self, text: str, chosen: Mapping[str, str], entry: Node) -> str:
        """Return a text of an assertion, filled in: `not-contains` a file's name always passes."""
        if text.lstrip().startswith("file://"):
            refuse(self.name, entry.line, f"No file is read: write the text of {text:.80} here.")
        return self._fill(text, chosen, entry.line, ())

    def _vars(self, own: Mapping[str, Node], made: Placeholders) -> dict[str, list[str]]:
        merged: dict[str, Node] = {}
        for members in (self.default, own):
            if "vars" in members:
                merged.update(self._members(members["vars"], None))
        return {name: [self._text(v, made) for v in _each(node)] for name, node in merged.items()}

    def _text(self, node: Node, made: Placeholders) -> str:
        if isinstance(node.value, str | int | float) and not isinstance(node.value, bool):
            self._require_no_file(node)
            return str(node.value)
        if not isinstance(node.value, dict) or len(node.value) != 1:
            refuse(self.name, node.line, "A variable is a text, a number, or a made-up value.")
        ((how, what),) = node.value.items()
        if how not in _MADE:
            refuse(self.name, node.line, f"Made-up values are {', '.join(sorted(_MADE))}.")
        makers = {"placeholder": made.value, "sentence": made.sentence, "phone": made.phone}
        try:
            return makers[how](str(what.value))
        except UsageError as error:
            refuse(self.name, node.line, error.what)

    def _require_no_file(self, node: Node) -> None:
        """Refuse what promptfoo reads a file for: its name would be sent in place of its text."""
        if _FILE.fullmatch(str(node.value)):
            refuse(self.name, node.line, f"No file is read: write the text of {node.value} here.")

    def _fill(
        self, text: str, chosen: Mapping[str, str], line: int, within: tuple[str, ...]
    ) -> str:
        """Return a text with its variables filled in; a cycle of variables is refused."""
        try:
            filled = "".join(
                part
                if isinstance(part, str)
                else part.filtered(self._value(part, chosen, line, within))
                for part in templates.parts(text)
            )
        except templates.TemplateError as error:
            refuse(self.name, line, str(error))
        if len(filled) > MAX_PROMPT:
            refuse(self.name, line, f"It has more than {MAX_PROMPT} characters once filled in.")
        return filled

    def _value(
        self, place: templates.Place, chosen: Mapping[str, str], line: int, within: tuple[str, ...]
    ) -> str:
        name = place.name
        if not name:
            return place.literal
        self._filled += 1
        if self._filled > MAX_FILLED:
            refuse(self.name, line, f"More than {MAX_FILLED} variables are filled in.")
        if name in within:
            round_ = " -> ".join((*within, name))
            refuse(self.name, line, f"Variables stand for each other: {round_}.")
        if name in chosen:
            return self._fill(chosen[name], chosen, line, (*within, name))
        if place.default is None:
            refuse(self.name, line, f"There is no variable {name}.")
        return place.default

    def _members(self, node: Node, known: frozenset[str] | None) -> dict[str, Node]:
        if not isinstance(node.value, dict):
            refuse(self.name, node.line, "A mapping is expected here.")
        for key, member in node.value.items():
            if known is not None and key not in known:
                refuse(self.name, member.line, f"Unknown: {key}. Known: {', '.join(sorted(known))}")
        found: dict[str, Node] = node.value
        return found

    def _list(self, members: Mapping[str, Node], name: str, *, empty: bool = False) -> list[Node]:
        node = members.get(name)
        if node is None and empty:
            return []
        if node is None or not isinstance(node.value, list) or not (node.value or empty):
            refuse(
                self.name, node.line if node else self.top.line, f"`{name}` is a list with entries."
            )
        found: list[Node] = node.value
        return found

    def _texts(self, members: Mapping[str, Node], name: str) -> dict[str, str]:
        if name not in members:
            return {}
        return {k: str(n.value) for k, n in self._members(members[name], None).items()}

    def _scalar(self, members: Mapping[str, Node], name: str, default: Any) -> Any:
        return members[name].value if name in members else default


def _each(node: Node) -> list[Node]:
    return node.value if isinstance(node.value, list) else [node]


def _digest(asked: Mapping[str, Any]) -> str:
    """Return the digest of what is asked: of the prompt where no turns come before it."""
    earlier = asked["messages"]
    return digest_of([*earlier, asked["prompt"]]) if earlier else digest(asked["prompt"].encode())


def _asked(
    prompts: list[Conversation], values: Mapping[str, list[str]]
) -> Iterator[tuple[int, Conversation, int, dict[str, str]]]:
    """Yield each prompt, by its place, with each combination of values: one by one, never all."""
    for place, prompt in enumerate(prompts, 1):
        for number, chosen in enumerate(itertools.product(*values.values()), 1):
            yield place, prompt, number, dict(zip(values, chosen, strict=True))


def _filled(value: Any, fill: Any) -> Any:
    if isinstance(value, str):
        return fill(value)
    if isinstance(value, list):
        return [_filled(v, fill) for v in value]
    if isinstance(value, dict):
        return {k: _filled(v, fill) for k, v in value.items()}
    return value
