"""The estate: what is in, what is out and why, against moto and a misbehaving server."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.session import Session
from moto.server import ThreadedMotoServer

from affidavit.aws.door import Door
from affidavit.aws.estate import ANY_ACCOUNT, resolve
from affidavit.errors import EstateError
from affidavit.model.run import LeftOut

OWN = "123456789012"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """Yield the URL of a moto server with an organisation of two further accounts."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    session = Session()
    session.set_credentials("AKIDEXAMPLE", "secret")
    client: Any = session.create_client("organizations", region_name="us-east-1", endpoint_url=url)
    client.create_organization(FeatureSet="ALL")
    for name in ("models", "closed"):
        client.create_account(AccountName=name, Email=f"{name}@example.com")
    closed = next(a["Id"] for a in client.list_accounts()["Accounts"] if a["Name"] == "closed")
    client.close_account(AccountId=closed)
    client.close()
    yield url
    server.stop()


MakeDoor = Callable[..., Door]


def test_by_default_it_is_the_callers_account_in_all_enabled_regions(
    moto: str, make_door: MakeDoor
) -> None:
    """Every Region that DescribeRegions names is in or named as left out, with the reason."""
    estate = resolve(make_door(moto))
    assert estate.accounts == (OWN,)
    assert {"us-east-1", "eu-west-1"} <= set(estate.regions)
    out = {left.region: left.why for left in estate.left_out}
    assert not set(out) & set(estate.regions)
    assert all("not enabled" in why for why in out.values())
    assert len(out) + len(estate.regions) > 20


def test_named_regions_are_checked(moto: str, make_door: MakeDoor) -> None:
    """An unknown Region is left out by name; where none remains it is an error."""
    estate = resolve(make_door(moto), regions=["eu-west-1", "mars-north-1", "eu-west-1"])
    assert estate.regions == ("eu-west-1",)
    assert estate.left_out == (
        LeftOut(
            account_id=ANY_ACCOUNT,
            region="mars-north-1",
            why="ec2:DescribeRegions does not know this Region.",
        ),
    )
    with pytest.raises(EstateError, match="No Region"):
        resolve(make_door(moto), regions=["mars-north-1"])


def test_the_organisations_accounts_are_entered_by_role(moto: str, make_door: MakeDoor) -> None:
    """Active accounts are in, a closed one is left out with its state."""
    door = make_door(moto, role_name="AffidavitReader")
    estate = resolve(door, organization=True, regions=["us-east-1"])
    assert len(estate.accounts) == 2
    assert OWN in estate.accounts
    (left,) = estate.left_out
    assert "SUSPENDED" in left.why or "CLOSED" in left.why
    other = next(a for a in estate.accounts if a != OWN)
    assert door.enter(other).arn.startswith(
        f"arn:aws:sts::{other}:assumed-role/AffidavitReader/affidavit"
    )


def test_an_account_that_cannot_be_entered_is_left_out(moto: str, make_door: MakeDoor) -> None:
    """Without a role name the others are left out with why, and the run goes on."""
    estate = resolve(make_door(moto), accounts=[OWN, "111122223333"], regions=["us-east-1"])
    assert estate.accounts == (OWN,)
    (left,) = estate.left_out
    assert left.account_id == "111122223333"
    assert "role" in left.why


def test_no_account_at_all_is_an_error(moto: str, make_door: MakeDoor) -> None:
    """Where nothing can be entered the run ends, naming each account."""
    with pytest.raises(EstateError, match="111122223333"):
        resolve(make_door(moto), accounts=["111122223333"], regions=["us-east-1"])


def test_a_refused_list_of_regions_needs_named_ones(nasty: Any, make_door: MakeDoor) -> None:
    """Denied DescribeRegions is an error that says what to do, unless Regions are named."""
    denied = (
        "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error>"
        "</Errors></Response>"
    )
    nasty.deny(denied)
    with pytest.raises(EstateError, match="ec2:DescribeRegions"):
        resolve(make_door(nasty.url))
    estate = resolve(make_door(nasty.url), regions=["eu-west-1"])
    assert (estate.regions, estate.left_out) == (("eu-west-1",), ())


OTHER = "210987654321"
REGIONS = """<DescribeRegionsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
<requestId>r</requestId><regionInfo>
<item><regionName>us-east-1</regionName><optInStatus>opt-in-not-required</optInStatus></item>
<item><regionName>af-south-1</regionName><optInStatus>{}</optInStatus></item>
<item><regionName>me-south-1</regionName><optInStatus>not-opted-in</optInStatus></item>
</regionInfo></DescribeRegionsResponse>"""


def two_accounts(nasty: Any, opted_in: str) -> None:
    """Make the server two accounts, whose keys tell them apart; one has opted into af-south-1."""
    own = nasty.identity

    def identity(request: Any) -> Any:
        if b"Action=AssumeRole" in request.body:
            return nasty.reply(ASSUMED)
        reply = own(request)
        if "AKIDOTHER" in request.headers["authorization"]:
            reply.body = reply.body.replace(OWN, OTHER)
        return reply

    def answer(request: Any) -> Any:
        caller = OTHER if "AKIDOTHER" in request.headers["authorization"] else OWN
        return nasty.reply(REGIONS.format("opted-in" if caller == opted_in else "not-opted-in"))

    nasty.identity, nasty.answer = identity, answer


ASSUMED = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleResult><Credentials><AccessKeyId>AKIDOTHER</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
<SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
</AssumeRoleResult></AssumeRoleResponse>"""


@pytest.mark.parametrize("opted_in", [OWN, OTHER])
def test_each_account_says_which_regions_it_has(
    opted_in: str, nasty: Any, make_door: MakeDoor
) -> None:
    """A Region that only one account has is in for that one and named as left out for the other."""
    two_accounts(nasty, opted_in)
    door = make_door(nasty.url, role_name="Reader")
    estate = resolve(door, accounts=[OWN, OTHER])
    without = OWN if opted_in == OTHER else OTHER
    assert estate.regions == ("af-south-1", "us-east-1")
    assert estate.regions_of(opted_in) == ("af-south-1", "us-east-1")
    assert estate.regions_of(without) == ("us-east-1",)
    left = {(x.account_id, x.region): x.why for x in estate.left_out}
    why = "The Region is not enabled (not-opted-in)."
    assert left == {(without, "af-south-1"): why, (ANY_ACCOUNT, "me-south-1"): why}


def test_an_account_that_does_not_say_is_asked_everywhere(nasty: Any, make_door: MakeDoor) -> None:
    """Denied DescribeRegions in one account leaves nothing out there: each answer will show."""
    two_accounts(nasty, OWN)
    regions = nasty.answer

    def answer(request: Any) -> Any:
        if "AKIDOTHER" in request.headers["authorization"]:
            return nasty.reply("<Response><Errors/></Response>", 403)
        return regions(request)

    nasty.answer = answer
    estate = resolve(make_door(nasty.url, role_name="Reader"), accounts=[OWN, OTHER])
    assert estate.regions_of(OTHER) == estate.regions == ("af-south-1", "us-east-1")
    (left,) = estate.left_out
    assert left.region == "me-south-1"
    assert f"Whether account {OTHER} has it is not known" in left.why


def test_a_refused_list_of_accounts_is_an_error(nasty: Any, make_door: MakeDoor) -> None:
    """Without organisations:ListAccounts there is no guess which accounts there are."""
    nasty.deny('{"__type": "AWSOrganizationsNotInUseException", "message": "not a member"}', 400)
    with pytest.raises(EstateError, match="organisation") as caught:
        resolve(make_door(nasty.url), regions=["eu-west-1"], organization=True)
    assert "not enabled" in caught.value.why
