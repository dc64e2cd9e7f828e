"""The estate: which accounts and Regions are collected, and which are left out and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from affidavit.aws.door import Door
from affidavit.errors import CollectError, EstateError
from affidavit.model.catalogue import Operation
from affidavit.model.observation import GLOBAL_REGION, Gap, JsonObject, Observation, Result, Unit
from affidavit.model.run import Assessment, Estate, LeftOut

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
    caller's own. An account whose role cannot be assumed is left out. Regions: those given, else
    all that are enabled for any of the accounts; each account is asked itself, and a Region that
    is not enabled for one of them is left out there. Raises `CredentialsError` without credentials,
    `EstateError` where nothing is left.
    """
    own = door.identity().account_id
    candidates = _accounts(door, own, tuple(dict.fromkeys(accounts)), organization=organization)
    chosen = _enter(door, candidates)
    places = _regions(door, chosen.chosen, tuple(dict.fromkeys(regions)))
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


def entered_now(door: Door, assessment: Assessment, *, is_last: bool) -> Assessment:
    """Return the assessment of the accounts that can be entered now; the others are left out.

    Each of those leaves every control open, with the reason: that no role is bound, for example.
    What may pass by itself (STS or credentials that fail) is raised for whoever asks to try again,
    unless this try `is_last`.
    """
    entered, refused = enter(door, assessment.estate.accounts)
    passing = (error for error in refused.values() if not isinstance(error, EstateError))
    if not is_last and (error := next(passing, None)) is not None:
        raise error
    left_out = (*assessment.estate.left_out, *unreached(refused))
    estate = replace(assessment.estate, accounts=tuple(entered), left_out=left_out)
    return replace(assessment, estate=estate)


def unreached(refused: Mapping[str, CollectError]) -> list[LeftOut]:
    """Return accounts in scope that could not be entered as left out: all controls stay open."""
    return [
        LeftOut(account_id=account, region="", why=error.sentences, unreached=True)
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


@dataclass(frozen=True, slots=True)
class _Known:
    """What one account says of its Regions; a gap: it could not be asked."""

    account_id: str
    states: dict[str, str]
    gap: Gap | None

    def why_not(self, region: str) -> str:
        """Return why a Region is not collected in the account, or an empty string."""
        state = self.states.get(region)
        if self.gap is not None:
            return f"Whether account {self.account_id} has it is not known: {self.gap.message}"
        if state in _OPTED_IN:
            return ""
        if state is None:
            return "ec2:DescribeRegions does not know this Region."
        return f"The Region is not enabled ({state})."


def _regions(door: Door, accounts: Sequence[str], given: tuple[str, ...]) -> _Scope:
    """Return the Regions that any of the accounts has, and what each of them has not.

    An account that could not be asked is collected wherever another one is, or where it was asked
    for: whether a Region is enabled shows in each answer.
    """
    known = _known(door, accounts, given)
    silent = {one.account_id for one in known if one.gap}
    scope = _Scope()
    for region in given or sorted({name for one in known for name in one.states}):
        reasons = {one.account_id: why for one in known if (why := one.why_not(region))}
        if len(reasons) < len(known) or (given and silent):
            scope.chosen.append(region)
            left = [
                LeftOut(account_id=account_id, region=region, why=why)
                for account_id, why in reasons.items()
                if account_id not in silent
            ]
        else:
            words = " ".join(dict.fromkeys(reasons.values()))
            left = [LeftOut(account_id=ANY_ACCOUNT, region=region, why=words)]
        scope.left_out.extend(left)
    if not scope.chosen:
        raise EstateError(
            "No Region can be collected",
            why=" ".join(f"{x.region}: {x.why}" for x in scope.left_out) or "None was found.",
            todo="Name Regions that are enabled for the account.",
        )
    return scope


def _known(door: Door, accounts: Sequence[str], given: tuple[str, ...]) -> list[_Known]:
    """Ask each account with its own credentials: which Regions are enabled differs."""
    found: list[_Known] = []
    for account_id in accounts:
        result = _ask(door, account_id, DESCRIBE_REGIONS, door.home_region(), {"AllRegions": True})
        # Or every account's clients would be held until the run comes to it: 1.5 MiB each.
        door.leave(account_id)
        if isinstance(result, Gap):
            found.append(_Known(account_id, {}, result))
        else:
            regions = result.body["Regions"]
            states = {r["RegionName"]: r.get("OptInStatus", "") for r in regions}
            found.append(_Known(account_id, states, None))
    if not given and all(one.gap for one in found):
        raise EstateError(
            "The Regions of the account could not be listed",
            why=found[0].gap.message if found[0].gap else "",
            todo="Allow ec2:DescribeRegions, or name the Regions (--region).",
        )
    return found


def _ask(
    door: Door, account_id: str, operation: Operation, region: str, parameters: JsonObject
) -> Result:
    unit = Unit(key=operation.key, account_id=account_id, region=region, parameters=parameters)
    return door.call(operation, unit)


def _observed(result: Result, what: str, todo: str) -> JsonObject:
    if isinstance(result, Observation):
        return result.body
    raise EstateError(what, why=result.message, todo=todo)
