"""Which guardrails the account enforces while a run of prompts is made, asked before and after."""

from collections.abc import Callable, Mapping
from typing import Any

from affidavit.aws.door import Door
from affidavit.aws.settings import AwsSettings
from affidavit.checks.enforced import KEY, told
from affidavit.model.catalogue import Catalogue
from affidavit.model.observation import Unit

Enforced = Callable[[], Mapping[str, Any]]
"""Returns what `checks.enforced.told` does, of this moment."""


def nobody_asked() -> Mapping[str, Any]:
    """Return that it is not known, for runs that ask no model."""
    return {"unknown": "no account was asked"}


def by_door(door: Door, catalogue: Catalogue, account_id: str, region: str) -> Enforced:
    """Return what asks through a door that stays open."""

    def ask() -> Mapping[str, Any]:
        unit = Unit(
            key=KEY, account_id=account_id, region=region or door.home_region(), parameters={}
        )
        return told(door.call(catalogue.operations[KEY], unit))

    return ask


def by_settings(aws: AwsSettings, catalogue: Catalogue, account_id: str, region: str) -> Enforced:
    """Return what opens a door for each question: a long run holds none open."""

    def ask() -> Mapping[str, Any]:
        with Door(aws) as door:
            return by_door(door, catalogue, account_id, region)()

    return ask
