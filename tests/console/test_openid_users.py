"""Groups to personas, subjects to principals: what follows from what an OpenID provider says."""

from dataclasses import replace
from hashlib import sha256
from itertools import combinations

import pytest

from affidavit.errors import SettingsError
from affidavit.operations import openid_users
from affidavit.operations.assessed import is_same
from affidavit.operations.openid import Identity


@pytest.mark.parametrize("text", ["auditors", "a=king@111122223333/us-east-1", "a=owner@1/x", "="])
def test_a_wrong_mapping_stops_the_server(text: str) -> None:
    """A mapping that cannot be read is refused when the server starts, not at the first sign-in."""
    with pytest.raises(SettingsError, match="AFFIDAVIT_OIDC_PERSONAS"):
        openid_users.mappings([text])


def test_subjects_that_differ_act_as_principals_that_differ() -> None:
    """Principals are compared without case, subjects are not: none becomes another by its case.

    Nor does whoever chooses a subject that looks like what is made of another one.
    """
    subjects = ["Olga", "olga", "OLGA", sha256(b"Olga").hexdigest(), "ab=c", "x/../olga"]
    arns = [
        openid_users.principal_of(
            "111122223333", Identity(issuer="https://a", subject=one, name="", groups=())
        )
        for one in subjects
    ]
    again = [
        openid_users.principal_of(
            "111122223333",
            Identity(issuer="https://a", subject=arn.rpartition("/")[2], name="", groups=()),
        )
        for arn in arns
        if not arn.endswith("/olga") and "=" in arn
    ]
    every = [*arns, *again]
    assert len(again) >= 4
    assert not any(is_same(a, b) for a, b in combinations(every, 2))


def test_principals_follow_from_the_subject_alone() -> None:
    """Two subjects never act as the same principal, whatever they are called."""
    one = Identity(issuer="https://a", subject="x/../olga", name="olga", groups=())
    arns = {
        openid_users.principal_of("111122223333", given)
        for given in (
            one,
            replace(one, name="other"),
            replace(one, subject="olga"),
            replace(one, subject="x"),
            replace(one, issuer="https://b"),
        )
    }
    assert len(arns) == 4
    assert all(arn.startswith("arn:aws:iam::111122223333:user/oidc-") for arn in arns)
