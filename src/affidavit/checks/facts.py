"""Facts: everything that a run has learnt about one account so far."""

from collections.abc import Iterator

from affidavit.model.canonical import plain_json
from affidavit.model.observation import GLOBAL_REGION, JsonObject, Result


class Facts:
    """The results of one account by operation, Region and parameters. Grows as they arrive."""

    def __init__(self, account_id: str, regions: tuple[str, ...]) -> None:
        self.account_id = account_id
        self.regions = regions
        self._by_place: dict[tuple[str, str], dict[bytes, Result]] = {}
        self._ordered: dict[tuple[str, str], list[Result]] = {}

    def add(self, result: Result) -> None:
        """Take a result in; the same question again replaces the earlier answer."""
        unit = result.unit
        at = (unit.key, unit.region)
        self._by_place.setdefault(at, {})[plain_json(unit.parameters)] = result
        self._ordered.pop(at, None)

    def results(self, key: str, region: str = GLOBAL_REGION) -> list[Result]:
        """Return all results of operation `key` in `region`, in the order of their parameters.

        So that what follows from them is the same whatever the order in which answers arrived: a
        report is judged again from answers in the order of their digests.
        """
        at = (key, region)
        if at not in self._ordered:
            place = self._by_place.get(at, {})
            self._ordered[at] = [place[asked] for asked in sorted(place)]
        return list(self._ordered[at])

    def result(self, key: str, region: str, parameters: JsonObject) -> Result | None:
        """Return the result of exactly this question, or None when it was not asked."""
        return self._by_place.get((key, region), {}).get(plain_json(parameters))

    def __iter__(self) -> Iterator[Result]:
        for _, place in sorted(self._by_place.items()):
            yield from (place[asked] for asked in sorted(place))
