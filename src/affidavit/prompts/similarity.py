"""How alike two texts are: word F1, ROUGE, character similarity. All from 0 to 1.

Words as SQuAD's and fmeval's scores take them: lower case, without punctuation and English
articles. ROUGE without stemming (Lin 2004), as F1. Long texts are cut to bounded lengths, which
`is_cut` tells.
"""

import math
import re
from collections import Counter
from typing import Final

MAX_WORDS: Final = 4000
"""Words that are compared; ROUGE-L takes the product of both lengths."""
_WORD: Final = re.compile(r"\w+")
_ARTICLES: Final = frozenset({"a", "an", "the"})
_GRAM: Final = 3


def words(text: str) -> list[str]:
    """Return the words that are compared."""
    return [w for w in _WORD.findall(text.casefold()) if w not in _ARTICLES][:MAX_WORDS]


def is_cut(text: str) -> bool:
    """Return whether only the beginning of a text is compared."""
    return len(_WORD.findall(text)) > MAX_WORDS


def exact(text: str, reference: str) -> bool:
    """Return whether a text is the reference, spaces at its ends aside."""
    return text.strip() == reference.strip()


def quasi_exact(text: str, reference: str) -> bool:
    """Return whether the words are the same: case, punctuation and articles aside."""
    return words(text) == words(reference) != []


def word_f1(text: str, reference: str) -> float:
    """Return the harmonic mean of precision and recall over words, repeated ones counted."""
    return _f1(Counter(words(text)), Counter(words(reference)))


def rouge_n(text: str, reference: str, n: int) -> float:
    """Return ROUGE-N: F1 over rows of `n` words."""
    return _f1(_rows(words(text), n), _rows(words(reference), n))


def rouge_l(text: str, reference: str) -> float:
    """Return ROUGE-L: F1 over the longest common subsequence of words."""
    one, two = words(text), words(reference)
    if not one or not two:
        return 0.0
    longest = [0] * (len(two) + 1)
    for word in one:
        diagonal = 0
        for at, other in enumerate(two, start=1):
            above = longest[at]
            longest[at] = diagonal + 1 if word == other else max(above, longest[at - 1])
            diagonal = above
    return 2 * longest[-1] / (len(one) + len(two))


def similarity(text: str, reference: str) -> float:
    """Return the cosine of both texts' character trigrams: alike in wording, not in meaning."""
    one = _rows(list(" ".join(words(text))), _GRAM)
    two = _rows(list(" ".join(words(reference))), _GRAM)
    if not one or not two:  # shorter than a trigram
        return float(words(text) == words(reference) != [])
    shared = sum(count * two[gram] for gram, count in one.items())
    return shared / math.sqrt(sum(c * c for c in one.values()) * sum(c * c for c in two.values()))


def _rows(items: list[str], n: int) -> Counter[str]:
    return Counter("\0".join(items[i : i + n]) for i in range(len(items) - n + 1))


def _f1(one: Counter[str], two: Counter[str]) -> float:
    if not one or not two:
        return 0.0
    return 2 * (one & two).total() / (one.total() + two.total())
