"""Personal data in a text: find it, mask it, tell it again without showing it.

Two stages. One RE2 set over all patterns says which rules can hold at all: most texts end here, at
hundreds of megabytes a second. Only the rules that hit search for their places, and their accepting
functions decide. Time is linear in the length of the text.
"""

import hmac
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from typing import Final, Protocol

import re2

from affidavit.errors import UsageError
from affidavit.logscan.detectors.entities import (
    ENTITY_TYPES,
    MODEL_TYPES,
    Finding,
    mask_of,
    replace_spans,
    without_overlaps,
)
from affidavit.logscan.detectors.folding import in_text, visible
from affidavit.logscan.detectors.reading import LATIN1, Reading
from affidavit.logscan.detectors.rules import RULES, Rule

_SCHEME: Final = re.compile(r"^[a-z][a-z0-9+.-]*://")
_MASK_PASSES: Final = 8
"""Masking may lay a number bare that stood in a longer one; more passes than this never helped."""
_MIN_KEY: Final = 16
"""Bytes of the key; the values are short, so a guessable key would give them away."""


class NameModel(Protocol):
    """What finds names and addresses: see `names.py`."""

    def find(self, text: str) -> list[Finding]:
        """Return the findings of the types NAME and ADDRESS in `text`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What is the company's own and no finding."""

    numbers: frozenset[str] = frozenset()
    """Telephone, account and other numbers, by digits and letters only: `18005550100`; addresses of
    networks as they are, for without their dots others would be the same."""
    domains: frozenset[str] = frozenset()
    """Domains whose e-mail addresses and URLs are its own, with every subdomain."""
    origin: str = ""
    """Which list it is, in words, where it is one that is kept."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "numbers", frozenset(map(_number, self.numbers)))
        object.__setattr__(self, "domains", frozenset(d.lower().strip(".") for d in self.domains))

    def entry(self, finding: Finding, text: str) -> str:
        """Return what of the list a finding is, or nothing."""
        found = text[finding.start : finding.end]
        if finding.entity_type in {"EMAIL", "URL"}:
            labels = _host(found.lower(), finding.entity_type).split(".")
            hosts = (".".join(labels[i:]) for i in range(len(labels)))
            return next((host for host in hosts if host in self.domains), "")
        if not self.numbers:
            return ""
        number = _ip(found) if finding.entity_type == "IP_ADDRESS" else _letters(found)
        return number if number in self.numbers else ""

    def with_more(self, other: "Allowed") -> "Allowed":
        """Return both lists as one."""
        numbers, domains = self.numbers | other.numbers, self.domains | other.domains
        return Allowed(numbers=numbers, domains=domains, origin=self.origin)


LeftOut = Callable[[Finding, str], object]
"""Takes a finding that is the company's own, and which entry of the list it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorSettings:
    """What is looked for."""

    entity_types: frozenset[str] = frozenset(ENTITY_TYPES)
    allowed: Allowed = field(default_factory=Allowed)
    min_score: float = 0.0
    """Findings of rules below it are left out; 0.5 leaves out bare domains."""

    def __post_init__(self) -> None:
        unknown = sorted(self.entity_types - set(ENTITY_TYPES))
        if unknown:
            raise UsageError(
                f"Unknown entity type: {', '.join(unknown)}",
                why="The types are those of Amazon Bedrock Guardrails.",
                todo=f"Use one of {', '.join(ENTITY_TYPES)}.",
            )


class Detectors:
    """Finds personal data. Safe to share between threads; build one and keep it."""

    def __init__(
        self, settings: DetectorSettings | None = None, *, names: NameModel | None = None
    ) -> None:
        self.settings = settings or DetectorSettings()
        self._names = names if self.settings.entity_types & MODEL_TYPES else None
        wanted = [r for r in RULES if self._is_wanted(r)]
        found = [(rule, _compiled(rule.pattern)) for rule in wanted]
        self._rules = [(rule, pattern, 1 if pattern.groups else 0) for rule, pattern in found]
        self._set = _set_of(tuple(rule.pattern for rule in wanted))

    def _is_wanted(self, rule: Rule) -> bool:
        return (
            rule.entity_type in self.settings.entity_types and rule.score >= self.settings.min_score
        )

    @property
    def not_looked_for(self) -> tuple[str, ...]:
        """The wanted types that nothing here finds: say so beside every "nothing found"."""
        if self._names is not None:
            return ()
        return tuple(sorted(self.settings.entity_types & MODEL_TYPES))

    @property
    def patterns(self) -> tuple[str, ...]:
        """The patterns of which every finding by rules is a match, for a joint prefilter."""
        return tuple(rule.pattern for rule, _, _ in self._rules)

    def may_find(self, text: str) -> bool:
        """Return whether `find` could find anything in `text`, or in a part of it: quick."""
        return self._names is not None or bool(self._hits(Reading(visible(text)).data))

    def find(self, text: str, left_out: LeftOut | None = None) -> list[Finding]:
        """Return disjoint findings in order of place; any string is welcome.

        `left_out` is told of each that is none because it is the company's own.
        """
        shown = visible(text)
        found = self._by_rules(Reading(shown))
        if self._names is not None:
            found += self._names.find(shown)
        wanted, entry = self.settings.entity_types, self.settings.allowed.entry
        named = [(f, entry(f, shown)) for f in found if f.entity_type in wanted]
        kept = [f for f, own in named if not own]
        if left_out is not None and len(kept) < len(named):
            owned = {f: own for f, own in named if own}
            for one in without_overlaps([*owned]):
                left_out(one, owned[one])
        return in_text(without_overlaps(kept), text, shown)

    def _by_rules(self, reading: Reading) -> list[Finding]:
        found = []
        for index in self._hits(reading.data):
            rule, pattern, group = self._rules[index]
            for match in pattern.finditer(reading.data):
                place = rule.accept(reading, *match.span(group))
                if place is not None and place[0] < place[1]:
                    found.append(Finding(*place, rule.entity_type, rule.name, rule.score))
        return found

    def _hits(self, data: bytes) -> list[int]:
        """Return which rules can hold at all; RE2 answers None for none."""
        return sorted(self._set.Match(data) or ()) if self._rules else []

    def mask(self, text: str) -> str:
        """Return `text` with `{TYPE}` in place of everything found, until nothing is found.

        If something is still found after several passes nothing of the text is shown but masks.
        """
        for _ in range(_MASK_PASSES):
            findings = self.find(text)
            if not findings:
                return text
            text = replace_spans(text, findings)
        left = self.find(text)
        return " ".join(mask_of(f.entity_type) for f in left) if left else text

    def excerpt(
        self, text: str, finding: Finding, findings: Iterable[Finding], reach: int = 40
    ) -> str:
        """Return what stands up to `reach` characters around a finding, with all of it masked.

        `findings` are all of `text`: none of them is cut open at the edge of the excerpt.
        """
        start, end = max(0, finding.start - reach), min(len(text), finding.end + reach)
        inside = [f for f in findings if f.start < end and start < f.end]
        start = min([start, *(f.start for f in inside)])
        end = max([end, *(f.end for f in inside)])
        moved = [
            Finding(f.start - start, f.end - start, f.entity_type, f.rule, f.score) for f in inside
        ]
        shown = self.mask(replace_spans(text[start:end], moved))
        return ("…" if start else "") + shown + ("…" if end < len(text) else "")


def fingerprint(text: str, finding: Finding, key: bytes) -> str:
    """Return the keyed hash (HMAC-SHA-256, hex) of what was found, in its normal form.

    The same number in another layout gives the same hash, so a repeated disclosure is recognised
    without keeping it. A telephone number with and without its country code gives two. The key
    must be secret: the values are few enough to be tried. Raises `UsageError` for a short key.
    """
    if len(key) < _MIN_KEY:
        raise UsageError(
            "The key for fingerprints is too short",
            why=f"It has {len(key)} bytes; at least {_MIN_KEY} are needed.",
            todo="Use the tenant's HMAC key.",
        )
    found = visible(text[finding.start : finding.end])
    exact = {"AWS_SECRET_KEY", "PASSWORD", "USERNAME"}
    normal = found if finding.entity_type in exact else _normal(finding.entity_type, found)
    message = f"{finding.entity_type}\0{normal}".encode("utf-8", "surrogatepass")
    return hmac.digest(key, message, "sha256").hex()


def _normal(entity_type: str, found: str) -> str:
    if entity_type in {"EMAIL", "URL", "IP_ADDRESS"}:
        return found.lower()
    if entity_type in {"NAME", "ADDRESS"}:
        return " ".join(found.casefold().split())
    return _letters(found)


def _host(found: str, entity_type: str) -> str:
    """Return whose an address of e-mail or a URL is; nobody's of a URL with an `@`.

    That stands after credentials, or in an address of somebody that the URL tells.
    """
    if entity_type == "EMAIL":
        return found.rpartition("@")[2]
    place = re.split(r"[/?#\\]", _SCHEME.sub("", found), maxsplit=1)[0]
    return "" if "@" in found else place.partition(":")[0]


def _number(text: str) -> str:
    """Return an entry of the list as it is compared."""
    return _ip(text) or _letters(text)


def _ip(text: str) -> str:
    """Return an IP address in its one form; empty for what is none."""
    try:
        return str(ip_address(text))
    except ValueError:
        return ""


def _letters(text: str) -> str:
    """Return only letters and digits, folded to ASCII where they are look-alikes, upper case."""
    return "".join(c for c in Reading(text).view if c.isalnum()).upper()


@cache
def _compiled(pattern: str) -> "re2._Regexp":
    return re2.compile(pattern.encode("ascii"), options=LATIN1)


@cache
def _set_of(patterns: tuple[str, ...]) -> "re2.Set":
    """Return the automaton of all patterns."""
    automaton = re2.Set.SearchSet(LATIN1)
    for pattern in patterns:
        automaton.Add(pattern.encode("ascii"))
    automaton.Compile()
    return automaton
