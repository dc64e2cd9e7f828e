"""The fields that a query can name: what each stands for, and how it may be compared.

The names follow Audit Manager's filters; a test compares them with `docs/reference/finder.md`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import Enum, auto
from types import MappingProxyType
from typing import Final

from affidavit.finder.tree import Operator
from affidavit.model.framework import SourceType
from affidavit.model.observation import GapReason
from affidavit.model.verdict import Standing, Verdict


class Kind(Enum):
    """How the values of a field are read."""

    TEXT = auto()
    CHOICE = auto()
    """One of a closed list, in any case of letters."""
    TIME = auto()
    """A day (all of it, UTC) or a time with a zone."""
    DAY = auto()
    FLAG = auto()
    """yes or no."""
    NAMED = auto()
    """A name that stands for values of another field: an assessment, a control domain."""
    FREE = auto()
    """Whatever a record says in words."""


_EQUALITY: Final = frozenset({Operator.EQUAL, Operator.NOT_EQUAL, Operator.IN, Operator.NOT_IN})
_ORDER: Final = frozenset(
    {Operator.LESS, Operator.LESS_EQUAL, Operator.GREATER, Operator.GREATER_EQUAL}
)
_PATTERN: Final = frozenset({Operator.LIKE, Operator.NOT_LIKE, Operator.CONTAINS})
OPERATORS: Final[Mapping[Kind, frozenset[Operator]]] = MappingProxyType(
    {
        Kind.TEXT: _EQUALITY | _PATTERN,
        Kind.CHOICE: _EQUALITY,
        Kind.TIME: _EQUALITY | _ORDER,
        Kind.DAY: _EQUALITY | _ORDER,
        Kind.FLAG: frozenset({Operator.EQUAL, Operator.NOT_EQUAL}),
        Kind.NAMED: _EQUALITY | _PATTERN,
        Kind.FREE: frozenset({Operator.CONTAINS}),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of the language."""

    name: str
    column: str
    """Of the segment, or a key of `compile.DERIVED`."""
    words: str
    """What it is, for people."""
    kind: Kind = Kind.TEXT
    choices: Mapping[str, str] = field(default_factory=dict)
    """What may be written, in lower case, and the value that it stands for."""
    grouped: bool = True
    """Whether results can be grouped by it."""
    sorted: bool = True


def _choices(*values: str, **more: str) -> Mapping[str, str]:
    return MappingProxyType({**{v.lower(): v for v in values}, **more})


_VERDICTS = _choices(*Verdict, inconclusive=Verdict.NOT_APPLICABLE.value)
_GAPS = _choices(*GapReason, none="")

FIELDS: Final[Mapping[str, Field]] = MappingProxyType(
    {
        one.name: one
        for one in (
            Field(
                name="assessment",
                column="assessment_id",
                kind=Kind.NAMED,
                sorted=False,
                words="the assessment, by its name or its id",
            ),
            Field(
                name="time",
                column="time",
                kind=Kind.TIME,
                grouped=False,
                words="when the fact was seen: a day (all of it, UTC) or a time with its zone",
            ),
            Field(name="day", column="day", kind=Kind.DAY, words="the UTC day of that time"),
            Field(
                name="compliance",
                column="verdict",
                kind=Kind.CHOICE,
                choices=_VERDICTS,
                words="the verdict; INCONCLUSIVE is another word for NOT_APPLICABLE",
            ),
            Field(
                name="standing",
                column="standing",
                kind=Kind.CHOICE,
                choices=_choices(*Standing),
                words="why a verdict is as it is: judged, out of scope, undecided, a mere activity",
            ),
            Field(name="reason", column="reason", words="the verdict's reason in words"),
            Field(
                name="gap",
                column="gap",
                kind=Kind.CHOICE,
                choices=_GAPS,
                words="why something could not be observed; `none` where nothing was in the way",
            ),
            Field(name="account", column="account_id", words="the AWS account"),
            Field(name="region", column="region", words="the Region, or the word for global"),
            Field(name="control", column="control_id", words="the control's short id"),
            Field(name="control.set", column="control_set_id", words="the control set's id"),
            Field(
                name="control.domain",
                column="control_id",
                kind=Kind.NAMED,
                sorted=False,
                words="the control domain's name",
            ),
            Field(
                name="source",
                column="source_type",
                kind=Kind.CHOICE,
                choices=_choices(*SourceType),
                words="the data source type",
            ),
            Field(name="keyword", column="keyword", words="the source's keyword, whole"),
            Field(
                name="event.name",
                column="event_name",
                words="the API call or event behind it, or the rule",
            ),
            Field(
                name="service",
                column="service",
                words="the AWS service, as keywords begin: s3, iam",
            ),
            Field(
                name="service.category",
                column="service",
                kind=Kind.NAMED,
                sorted=False,
                words="the category of the service",
            ),
            Field(name="resource.arn", column="resource_arn", words="the resource's ARN"),
            Field(
                name="resource.type", column="resource_type", words="for example AWS::S3::Bucket"
            ),
            Field(name="check", column="check_id", words="the check that gave the verdict"),
            Field(
                name="type",
                column="evidence_type",
                kind=Kind.CHOICE,
                choices=_choices(
                    "Compliance check", "User activity", "Configuration data", "Manual"
                ),
                words="Audit Manager's evidence type",
            ),
            Field(
                name="origin", column="origin", words="direct, config, activity, manual or empty"
            ),
            Field(name="run", column="run_id", words="the id of the run"),
            Field(name="id", column="id", grouped=False, words="the id of the evidence"),
            Field(
                name="synthetic",
                column="synthetic",
                kind=Kind.FLAG,
                words="whether it was collected from something that is not AWS",
            ),
            Field(
                name="text",
                column="text",
                kind=Kind.FREE,
                grouped=False,
                sorted=False,
                words="reason, resource, keyword, check, parameters and attributes together",
            ),
        )
    }
)

ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "verdict": "compliance",
        "data.source": "source",
        "datasource": "source",
        "event": "event.name",
        "arn": "resource.arn",
        "control_set": "control.set",
        "evidence.type": "type",
    }
)
"""Other names that people try."""


def nearest(word: str, known: list[str]) -> str:
    """Return the known word that is most like it, or the empty text."""
    folded = {one.lower(): one for one in known}
    found = get_close_matches(word.lower(), list(folded), n=1, cutoff=0.5)
    return folded[found[0]] if found else ""
