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

    def add(self, result: Result) -> None:
        """Take a result in; the same question again replaces the earlier answer."""
        unit = result.unit
        place = self._by_place.setdefault((unit.key, unit.region), {})
        place[plain_json(unit.parameters)] = result

    def results(self, key: str, region: str = GLOBAL_REGION) -> list[Result]:
        """Return all results of operation `key` in `region`, in the order they were asked."""
        return list(self._by_place.get((key, region), {}).values())

    def result(self, key: str, region: str, parameters: JsonObject) -> Result | None:
        """Return the result of exactly this question, or None when it was not asked."""
        return self._by_place.get((key, region), {}).get(plain_json(parameters))

    def __iter__(self) -> Iterator[Result]:
        for place in self._by_place.values():
            yield from place.values()
