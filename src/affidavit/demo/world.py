"""The estate as it stands at one time: accounts, places, names, and who may call."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from affidavit.demo.names import Names
from affidavit.demo.reading import read_file
from affidavit.demo.schema import Account, Bucket, Estate, UserGroup
from affidavit.demo.schema_region import Region
from affidavit.errors import EmulatorError

ESTATE_FILE = Path(__file__).with_name("estate.yaml")
"""The estate that is simulated unless another file is named."""

_T = TypeVar("_T")

_OWNER = "northwind-"
"""Begin of every globally unique name in an estate file; copies of accounts change it."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who signed a request."""

    account_id: str
    arn: str
    user_id: str


@dataclass(frozen=True, slots=True)
class Place:
    """One account in one Region, with what answers need to make identifiers and times."""

    world: "World"
    account: Account
    region_name: str

    @property
    def region(self) -> Region:
        """Return what the estate says of this Region of this account."""
        return self.account.regions.get(self.region_name, Region())

    @property
    def names(self) -> Names:
        """Return the maker of identifiers."""
        return self.world.names

    def ago(self, days: float) -> datetime:
        """Return the time `days` before the start, to the second."""
        return (self.world.now - timedelta(days=days)).replace(microsecond=0)

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a regional resource of this account."""
        return f"arn:aws:{service}:{self.region_name}:{self.account.id}:{resource}"

    def global_arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource without Region (IAM)."""
        return f"arn:aws:{service}::{self.account.id}:{resource}"

    def id(self, *parts: object) -> tuple[object, ...]:
        """Return `parts` preceded by account and Region, to make identifiers from."""
        return (self.account.id, self.region_name, *parts)

    def key_arn(self, alias: str) -> str:
        """Return the ARN of the KMS key with this alias; `EmulatorError` when there is none."""
        if alias not in {key.alias for key in self.region.keys}:
            raise EmulatorError(
                f"The estate names the KMS key {alias!r}, which does not exist",
                why=f"{self.account.name} in {self.region_name} has no key of that alias.",
                todo="Add it under keys, or correct the alias.",
            )
        return self.arn("kms", f"key/{self.names.uuid(*self.id('key', alias))}")

    def elsewhere(self, region_name: str) -> "Place":
        """Return the same account in another Region."""
        return Place(self.world, self.account, region_name)

    def buckets(self) -> list[Bucket]:
        """Return the account's buckets, groups spread out, by name."""
        named = [
            dataclasses.replace(group, name=name, also=())
            for group in self.account.buckets
            for name in (group.name, *group.also)
        ]
        return sorted(spread(tuple(named)), key=lambda bucket: bucket.name)

    def users(self) -> Iterator[tuple[UserGroup, str, int]]:
        """Yield each user as its group, its name and its index in the group."""
        for group in self.account.users:
            for index in range(group.count):
                yield group, member(group.name, index, group.count), index


def member(name: str, index: int, count: int) -> str:
    """Return the name of the member `index` of a group of `count` alike."""
    return name if count == 1 else f"{name}-{index + 1:02d}"


def spread(groups: tuple[_T, ...]) -> list[_T]:
    """Return dataclasses with `name` and `count` as single ones."""
    singles: list[_T] = []
    for group in groups:
        count = int(getattr(group, "count", 1))
        for index in range(count):
            name = member(getattr(group, "name", ""), index, count)
            single: Any = dataclasses.replace(group, name=name, count=1)  # type: ignore[type-var]
            singles.append(single)
    return singles


class World:
    """An estate file brought to life: `scale` times its accounts, as of `now`."""

    def __init__(self, estate: Estate, *, now: datetime, seed: int, scale: int) -> None:
        self.estate = estate
        self.now = now
        self.seed = seed
        self.names = Names(seed)
        self.accounts = {a.id: a for a in _scaled(estate.accounts, scale)}
        self.parameters = _scaled_parameters(estate, scale)
        self.home = next(iter(self.accounts.values()))
        self.access_key = "AKIA" + self.names.upper(16, "operator")
        self.secret_key = self.names.lower(40, "operator's secret")
        self._callers = {self.access_key: self._operator()}

    def _operator(self) -> Caller:
        arn = f"arn:aws:iam::{self.home.id}:user/affidavit-operator"
        return Caller(self.home.id, arn, self.names.principal("AIDA", "operator"))

    def caller(self, access_key: str) -> Caller | None:
        """Return who holds this access key, or None."""
        return self._callers.get(access_key)

    def admit(self, access_key: str, caller: Caller) -> None:
        """Take temporary credentials in."""
        self._callers[access_key] = caller

    def place(self, account_id: str, region: str) -> Place:
        """Return one account in one Region."""
        return Place(self, self.accounts[account_id], region)


def load(path: Path = ESTATE_FILE, *, now: datetime, seed: int, scale: int) -> World:
    """Return the world of an estate file; `EmulatorError` where the file does not hold."""
    estate = read_file(Estate, path)
    world = World(estate, now=now, seed=seed, scale=scale)
    for account in world.accounts.values():
        for region in account.regions:
            if region not in estate.regions.enabled:
                raise EmulatorError(
                    f"The estate describes {region} of {account.name}, which is not enabled",
                    todo="Add the Region under regions, enabled.",
                )
    return world


def _scaled(accounts: tuple[Account, ...], scale: int) -> Iterator[Account]:
    yield from accounts
    for copy in range(1, scale):
        for account in accounts:
            yield _rename(account, _renamer(account.id, copy))


def _renamer(account_id: str, copy: int) -> Callable[[str], str]:
    owner = f"{_OWNER[:-1]}{copy:02d}-"
    copied = f"{int(account_id) + copy:012d}"
    return lambda text: text.replace(_OWNER, owner).replace(account_id, copied)


def _rename(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        given = {f.name: _rename(getattr(value, f.name), change) for f in dataclasses.fields(value)}
        return type(value)(**given)
    if isinstance(value, dict):
        return {key: _rename(each, change) for key, each in value.items()}
    if type(value) in {tuple, list}:
        return type(value)(_rename(each, change) for each in value)
    return value


def _scaled_parameters(estate: Estate, scale: int) -> Mapping[str, Mapping[str, Any]]:
    """Return the parameters; lists of names get those of the copied accounts too."""

    def widened(value: Any) -> Any:
        if not isinstance(value, list):
            return value
        wide = dict.fromkeys(value)
        for copy in range(1, scale):
            for account in estate.accounts:
                wide.update(dict.fromkeys(_rename(value, _renamer(account.id, copy))))
        return list(wide)

    return {
        check: {name: widened(value) for name, value in params.items()}
        for check, params in estate.parameters.items()
    }
