"""Shares with their intervals, as the benchmarks print them."""

from affidavit.prompts.metrics.intervals import wilson


def share(hits: int, total: int) -> str:
    """Return a share with Wilson's 95 % interval; nothing counted is told and is no share."""
    if not total:
        return "none counted"
    low, high = wilson(hits, total)
    return f"{hits / total:.4f} [{low:.4f}, {high:.4f}] n={total}"
