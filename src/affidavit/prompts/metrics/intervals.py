"""Intervals of rates and of their differences; 95 %."""

from math import sqrt
from typing import Any, Final

Z: Final = 1.959964
"""Quantile of the normal distribution."""


def wilson(count: int, of: int) -> tuple[float, float]:
    """Return Wilson's interval of a rate; (0, 1) where nothing was counted.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference
    (1927).
    """
    if not of:
        return 0.0, 1.0
    rate, square = count / of, Z * Z
    middle = (rate + square / (2 * of)) / (1 + square / of)
    half = Z / (1 + square / of) * sqrt(rate * (1 - rate) / of + square / (4 * of * of))
    return max(0.0, middle - half), min(1.0, middle + half)


def difference(one: tuple[int, int], other: tuple[int, int]) -> dict[str, Any]:
    """Return the difference of two rates (one less other) with its interval.

    Each is (count, of). Source: R. G. Newcombe, Interval estimation for the difference between
    independent proportions (1998), method 10: from Wilson's intervals, sound for few cases too.
    """
    (x, n), (y, m) = one, other
    if not n or not m:
        return {"difference": None, "interval": [-1.0, 1.0]}
    a, b = x / n, y / m
    (low_a, high_a), (low_b, high_b) = wilson(x, n), wilson(y, m)
    low = a - b - sqrt((a - low_a) ** 2 + (high_b - b) ** 2)
    high = a - b + sqrt((high_a - a) ** 2 + (b - low_b) ** 2)
    return {"difference": a - b, "interval": [max(-1.0, low), min(1.0, high)]}


def rate(count: int, of: int) -> dict[str, Any]:
    """Return a count with its rate and interval; no rate where nothing was counted."""
    return {
        "count": count,
        "of": of,
        "rate": count / of if of else None,
        "interval": list(wilson(count, of)),
    }
