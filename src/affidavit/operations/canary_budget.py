"""What a canary may spend: in a run, and in a calendar month (UTC), in tokens and in money.

What is spent in the month stands in the canary's document and grows in the transaction that keeps
a run. A run gets what is left of the month where that is less than its own budget; what is under
way when it is reached ends, so a run can exceed it by the answers that are asked at once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Self

from affidavit.model.numbers import whole
from affidavit.operations.prompt_plans import MAX_BUDGET, UNPRICED, money
from affidavit.prompts.runner import unpriced

_MONTH: Final = "%Y-%m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Limits, each None where there is none; costs in the money of the prices."""

    run_tokens: int | None = None
    month_tokens: int | None = None
    run_cost: Decimal | None = None
    month_cost: Decimal | None = None
    price_input: Decimal | None = None
    """Of a million tokens. Prices differ by Region and change: they are named, never assumed."""
    price_output: Decimal | None = None

    @classmethod
    def of_json(cls, kept: Mapping[str, str]) -> Self:
        """Return what a document keeps; none for one that was made before there were budgets."""
        values: dict[str, Any] = {
            name: int(text) if name.endswith("tokens") else Decimal(text)
            for name, text in kept.items()
        }
        return cls(**values)

    def to_json(self) -> dict[str, str]:
        """Return the limits that there are as texts, for documents hold no floats."""
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: str(value) for name, value in given.items() if value is not None}

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield (member, what it must be) for what does not go together."""
        priced = self.price_input is not None and self.price_output is not None
        for member, cost in (("budgetCost", self.run_cost), ("monthCost", self.month_cost)):
            if cost is not None and not priced:
                yield member, UNPRICED

    def left(self, spent: Mapping[str, Any], now: datetime) -> "Left":
        """Return what a run may spend now, given what the canary's document says was spent."""
        this_month = spent if spent.get("month") == now.strftime(_MONTH) else {}
        tokens = _left(self.run_tokens, self.month_tokens, int(this_month.get("tokens", 0)))
        cost = _left(self.run_cost, self.month_cost, Decimal(this_month.get("cost", 0)))
        return Left(
            tokens=None if tokens is None else int(tokens),
            cost=None if cost is None else Decimal(cost),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What a run may spend; None: without limit."""

    tokens: int | None
    cost: Decimal | None

    @property
    def is_nothing(self) -> bool:
        """Tell whether nothing at all may be asked."""
        return any(one is not None and one <= 0 for one in (self.tokens, self.cost))


def _left(run: Any, month: Any, spent: Any) -> Any:
    limits = [run, None if month is None else month - spent]
    return min((one for one in limits if one is not None), default=None)


def spent_with(spent: Mapping[str, Any], now: datetime, tokens: int, cost: str) -> dict[str, Any]:
    """Return what is spent in the month once a run is added; a new month begins at nothing."""
    month = now.strftime(_MONTH)
    before = spent if spent.get("month") == month else {}
    return {
        "month": month,
        "tokens": int(before.get("tokens", 0)) + tokens,
        "cost": str(Decimal(before.get("cost", "0")) + Decimal(cost)),
    }


def of_texts(given: Mapping[str, str]) -> tuple[Budget, list[tuple[str, str]]]:
    """Return the budget that a form asks for, and what is wrong with it by member."""
    problems: list[tuple[str, str]] = []
    values: dict[str, Any] = {}
    for member, name in MEMBERS.items():
        text = given.get(member, "")
        if not text:
            continue
        if name.endswith("tokens"):
            values[name] = whole(text, MAX_BUDGET, least=1)
            if values[name] is None:
                problems.append((member, f"Member must be a number from 1 to {MAX_BUDGET}"))
        elif (amount := money(text)) is not None:
            values[name] = amount
        else:
            problems.append((member, "Member must be an amount such as 0.25"))
    budget = Budget(**values)
    return budget, problems or list(budget.problems())


MEMBERS: Final[Mapping[str, str]] = {
    "budgetTokens": "run_tokens",
    "monthTokens": "month_tokens",
    "budgetCost": "run_cost",
    "monthCost": "month_cost",
    "priceInput": "price_input",
    "priceOutput": "price_output",
}
"""Fields of forms, and what they are here."""


def require_sound(budget: Budget) -> None:
    """Raise `UsageError` for a budget in money without prices."""
    if any(budget.problems()):
        raise unpriced()
