"""IAM's credential report: a row for root and one for each user."""

import csv
import io
from collections.abc import Iterator
from typing import Final

from affidavit.demo.overlay.iam import user_arn
from affidavit.demo.overlay.registry import Answer, Call, answers
from affidavit.demo.schema import UserGroup
from affidavit.demo.world import Place

_NOT_AVAILABLE: Final = "N/A"
_NEVER: Final = "no_information"
_KEYS = (1, 2)
_HEAD = (
    "user",
    "arn",
    "user_creation_time",
    "password_enabled",
    "password_last_used",
    "password_last_changed",
    "password_next_rotation",
    "mfa_active",
)
_KEY_COLUMNS = ("active", "last_rotated", "last_used_date", "last_used_region", "last_used_service")
COLUMNS = (
    *_HEAD,
    *(f"access_key_{key}_{column}" for key in _KEYS for column in _KEY_COLUMNS),
    *(f"cert_{cert}_{column}" for cert in _KEYS for column in ("active", "last_rotated")),
)
"""The columns in AWS's order (IAM User Guide, "Understanding the report format")."""


def _text(*, yes: bool) -> str:
    return "true" if yes else "false"


def _time(place: Place, days: float) -> str:
    return place.ago(days).isoformat()


def _no_keys() -> list[str]:
    return ["false", *[_NOT_AVAILABLE] * (len(_KEY_COLUMNS) - 1)]


def _root(place: Place) -> list[str]:
    root = place.account.root
    used = _NEVER if root.last_used is None else _time(place, root.last_used)
    created = _time(place, place.account.age)
    keys = _no_keys()
    if root.access_keys:
        keys = ["true", created, _NOT_AVAILABLE, _NOT_AVAILABLE, _NOT_AVAILABLE]
    return [
        *("<root_account>", place.global_arn("iam", "root"), created),
        *("not_supported", used, "not_supported", "not_supported", _text(yes=root.mfa)),
        *keys,
        *_no_keys(),
        *("false", _NOT_AVAILABLE, "false", _NOT_AVAILABLE),
    ]


def _password(place: Place, group: UserGroup, index: int) -> list[str]:
    if not group.console:
        return ["false", _NOT_AVAILABLE, _NOT_AVAILABLE, _NOT_AVAILABLE]
    changed = group.password_age.at(index, group.count)
    used = _NEVER
    if group.password_used is not None:
        used = _time(place, group.password_used.at(index, group.count))
    policy = place.account.password_policy
    rotation = _NOT_AVAILABLE
    if policy is not None and policy.max_age is not None:
        rotation = _time(place, changed - policy.max_age)
    return ["true", used, _time(place, changed), rotation]


def _key(place: Place, group: UserGroup, index: int, number: int) -> list[str]:
    if number >= len(group.keys):
        return _no_keys()
    key = group.keys[number]
    last = [_NOT_AVAILABLE, _NOT_AVAILABLE, _NOT_AVAILABLE]
    if key.used is not None:
        last = [_time(place, key.used.at(index, group.count)), "us-east-1", "bedrock"]
    return [_text(yes=key.active), _time(place, key.age.at(index, group.count)), *last]


def _rows(place: Place) -> Iterator[list[str]]:
    yield _root(place)
    for group, name, index in place.users():
        yield [
            *(name, user_arn(place, name), _time(place, group.created.at(index, group.count))),
            *_password(place, group, index),
            _text(yes=group.mfa),
            *_key(place, group, index, 0),
            *_key(place, group, index, 1),
            *("false", _NOT_AVAILABLE, "false", _NOT_AVAILABLE),
        ]


@answers("iam", "GenerateCredentialReport")
def generate(call: Call) -> Answer:
    """Answer that the report is complete; in AWS it takes seconds, and is kept for four hours."""
    del call
    return {"State": "COMPLETE"}


@answers("iam", "GetCredentialReport")
def get(call: Call) -> Answer:
    """Answer with the report as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_rows(call.place))
    return {
        "Content": out.getvalue().rstrip("\n").encode(),
        "ReportFormat": "text/csv",
        "GeneratedTime": call.place.ago(0),
    }
