"""The estate: which accounts and Regions are collected, and which are left out and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from affidavit.aws.door import Door
from affidavit.errors import CollectError, EstateError
from affidavit.model.catalogue import Operation
from affidavit.model.observation import GLOBAL_REGION, Gap, JsonObject, Observation, Result, Unit
from affidavit.model.run import Estate, LeftOut

ANY_ACCOUNT = ""
"""Account of a `LeftOut` that names a Region left out in every account."""

_OPTED_IN = frozenset({"opt-in-not-required", "opted-in"})


def _operation(service: str, name: str, action: str) -> Operation:
    return Operation(
        key=name,
        service=service,
        operation=name,
        per_account=True,
        fan_out="once",
        inputs={},
        parents=(),
        absent_on=frozenset(),
        iam_action=action,
        redact=(),
        note="",
    )


LIST_ACCOUNTS = _operation("organizations", "ListAccounts", "organizations:ListAccounts")
DESCRIBE_REGIONS = _operation("ec2", "DescribeRegions", "ec2:DescribeRegions")
ESTATE_OPERATIONS = (LIST_ACCOUNTS, DESCRIBE_REGIONS)
"""Asked to find out the estate; `affidavit policy` must allow them too."""


@dataclass(slots=True)
class _Scope:
    """What is in and what is out so far."""

    chosen: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def resolve(
    door: Door,
    *,
    accounts: Sequence[str] = (),
    organization: bool = False,
    regions: Sequence[str] = (),
) -> Estate:
    """Return the accounts times Regions in scope, everything left out named with its reason.

    Accounts: those given, else with `organization` the ACTIVE ones of the organisation, else the
    caller's own. An account whose role cannot be assumed is left out. Regions: those given, less
    unknown and disabled ones, else all that are enabled for the caller's account; the same for all
    accounts. Raises `CredentialsError` without credentials, `EstateError` where nothing is left.
    """
    own = door.identity().account_id
    places = _regions(door, own, tuple(dict.fromkeys(regions)))
    candidates = _accounts(door, own, tuple(dict.fromkeys(accounts)), organization=organization)
    chosen = _enter(door, candidates)
    return Estate(
        accounts=tuple(chosen.chosen),
        regions=tuple(places.chosen),
        left_out=(*chosen.left_out, *places.left_out),
    )


def enter(door: Door, accounts: Sequence[str]) -> tuple[list[str], dict[str, CollectError]]:
    """Return the accounts that can be entered, and for each other one why not."""
    entered: list[str] = []
    refused: dict[str, CollectError] = {}
    for account_id in accounts:
        try:
            door.enter(account_id)
        except CollectError as error:
            refused[account_id] = error
        else:
            entered.append(account_id)
    return entered, refused


def unreached(refused: Mapping[str, CollectError]) -> list[LeftOut]:
    """Return accounts in scope that could not be entered as left out: all controls stay open."""
    return [
        LeftOut(account_id=account, region="", why=f"{error.what}. {error.why}", unreached=True)
        for account, error in refused.items()
    ]


def _accounts(door: Door, own: str, given: tuple[str, ...], *, organization: bool) -> _Scope:
    if given:
        return _Scope(list(given))
    if not organization:
        return _Scope([own])
    body = _observed(
        _ask(door, own, LIST_ACCOUNTS, GLOBAL_REGION, {}),
        "The organisation's accounts could not be listed",
        "Run in the management account or a delegated administrator's, or name accounts.",
    )
    scope = _Scope()
    for account in sorted(body["Accounts"], key=lambda a: str(a["Id"])):
        state = account.get("State") or account.get("Status")
        if state == "ACTIVE":
            scope.chosen.append(account["Id"])
        else:
            why = f"The account's state in the organisation is {state}, not ACTIVE."
            scope.left_out.append(LeftOut(account_id=account["Id"], region="", why=why))
    return scope


def _enter(door: Door, candidates: _Scope) -> _Scope:
    """Keep the accounts that can be entered; raise `EstateError` where none can."""
    entered, refused = enter(door, candidates.chosen)
    scope = _Scope(chosen=entered, left_out=[*candidates.left_out, *unreached(refused)])
    if not scope.chosen:
        raise EstateError(
            "No account can be collected",
            why=" ".join(f"{x.account_id}: {x.why}" for x in scope.left_out) or "None was found.",
            todo="Correct the accounts, or the role's name, trust and external id.",
        )
    return scope


def _regions(door: Door, own: str, given: tuple[str, ...]) -> _Scope:
    result = _ask(door, own, DESCRIBE_REGIONS, door.home_region(), {"AllRegions": True})
    if isinstance(result, Gap) and given:
        # Whether they are enabled will show in each answer.
        return _Scope(list(given))
    body = _observed(
        result,
        "The Regions of the account could not be listed",
        "Allow ec2:DescribeRegions, or name the Regions (--region).",
    )
    states = {r["RegionName"]: r.get("OptInStatus", "") for r in body["Regions"]}
    scope = _Scope()
    for region in given or sorted(states):
        state = states.get(region)
        if state in _OPTED_IN:
            scope.chosen.append(region)
            continue
        why = (
            "ec2:DescribeRegions does not know this Region."
            if state is None
            else f"The Region is not enabled for account {own} ({state})."
        )
        scope.left_out.append(LeftOut(account_id=ANY_ACCOUNT, region=region, why=why))
    if not scope.chosen:
        raise EstateError(
            "No Region can be collected",
            why=" ".join(f"{x.region}: {x.why}" for x in scope.left_out) or "None was found.",
            todo="Name Regions that are enabled for the account.",
        )
    return scope


def _ask(
    door: Door, account_id: str, operation: Operation, region: str, parameters: JsonObject
) -> Result:
    unit = Unit(key=operation.key, account_id=account_id, region=region, parameters=parameters)
    return door.call(operation, unit)


def _observed(result: Result, what: str, todo: str) -> JsonObject:
    if isinstance(result, Observation):
        return result.body
    raise EstateError(what, why=result.message, todo=todo)
