"""What a type of assertion is: how it scores, what its value may be, what it looks with."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from affidavit.logscan.detectors import Detectors, ProfanityDetector
from affidavit.logscan.detectors.meaning import SentenceModel
from affidavit.prompts.answers import Answer

if TYPE_CHECKING:
    from affidavit.prompts.assertions import Assertion


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an online scorer asked, and what came of it."""

    score: float | None
    """0 to 1, 1 is best; None: it could not be told."""
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """What was sent and what came back; masked before it is kept."""
    tokens: int = 0
    """What it cost, where a model was asked."""


class Online(Protocol):
    """Scorers that ask somebody: opt-in, each named when the run begins."""

    def judge(self, criterion: str, prompt: str, answer: str) -> Asked:
        """Ask the judge model how well an answer meets a criterion."""
        ...

    def guardrail(self, guardrail: str, answer: str) -> Asked:
        """Ask ApplyGuardrail whether a guardrail (`ID` or `ID:VERSION`) lets an answer pass."""
        ...

    def guardrail_checks(self, checks: Mapping[str, Any], prompt: str, answer: str) -> Asked:
        """Ask InvokeGuardrailChecks; the score is 1 less the worst severity or confidence."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruments:
    """What assertions look with."""

    detectors: Detectors = field(default_factory=Detectors)
    profanity: ProfanityDetector = field(default_factory=ProfanityDetector)
    blocked_messages: Collection[str] = ()
    """What the target's guardrail says in place of an answer."""
    online: Online | None = None
    """None: what needs it is undecided."""
    meaning: SentenceModel | None = None
    """Compares what texts are about; None: nothing does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How far an answer is what the assertion names, and why; None: that cannot be told."""

    value: float | None
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    tokens: int = 0


Scorer = Callable[["Assertion", Answer, Instruments], Score]
Weigher = Callable[[Score, str, Answer, Instruments], Score]
"""The text is the prompt."""
OnlineScorer = Callable[["Assertion", str, Answer, Online], Asked]
"""The text is the prompt."""


def takes_nothing(value: Any) -> str:
    """Return what is wrong with a value where there may be none."""
    return "" if value is None else "It takes no `value`."


def no_score(assertion: "Assertion", answer: Answer, instruments: Instruments) -> Score:
    """Return that nobody was asked: what online types say without an online scorer."""
    del assertion, answer, instruments
    return Score(value=None, reason="Nobody was asked: online scorers are opt-in.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A type of assertion."""

    score: Scorer = no_score
    problem: Callable[[Any], str] = takes_nothing
    """Says what is wrong with a value, or nothing."""
    threshold: float = 1.0
    weigh: Weigher | None = None
    """Given: it looks at the score again, knowing the prompt."""
    reads_text: bool = True
    """Whether a missing answer fails it."""
    sees_withheld: bool = False
    """Whether it is about withholding itself, so that a withheld answer decides it."""
    is_absence: bool = False
    """Whether it passes when something is *not* in the text."""
    online: OnlineScorer | None = None
    """Given: it asks somebody, after all other assertions, and only where none of them failed."""
