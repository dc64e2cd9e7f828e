"""What people set up and share, clicked through in a real browser by two accounts' people.

`AFFIDAVIT_SHOTS` names a folder for a picture of every step.
"""

import json
import os
import re
from base64 import b32decode
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from moto.server import ThreadedMotoServer
from tests.alerting.conftest import Receiver, receiver
from tests.console import library
from tests.console.served import serving
from tests.console.test_browser import PASSWORD, chromium, page_of, pytestmark

from affidavit.aws.settings import AwsSettings
from affidavit.operations import alert_channels, tenants, users
from affidavit.operations.alert_channels import Channel
from affidavit.server import ServeOptions

__all__ = ["chromium", "pytestmark", "receiver"]  # fixtures of other modules

TENANT = "111122223333/us-east-1"
OTHER = "444455556666"
KEYS: dict[str, Any] = {
    "aws_access_key_id": "test",
    "aws_secret_access_key": "test",
    "region_name": "us-east-1",
}
_SHOTS = os.environ.get("AFFIDAVIT_SHOTS", "")
_NUMBERS = count(1)


def shot(page: Any, name: str) -> None:
    """Keep a picture of the page, where a folder for them is named."""
    if _SHOTS:
        Path(_SHOTS).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{_SHOTS}/{next(_NUMBERS):02d}-{name}.png", full_page=True)


def press(page: Any, name: str) -> None:
    """Press a button by its name."""
    page.get_by_role("button", name=name).click()


@pytest.fixture
def bucket() -> Iterator[str]:
    """Run an S3 with a bucket; give its address."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    s3 = boto3.client("s3", endpoint_url=url, **KEYS)
    s3.create_bucket(Bucket="minutes")
    s3.put_object(Bucket="minutes", Key="a/raci.csv", Body=b"who,what\n")
    yield url
    server.stop()


@pytest.mark.slow
def test_a_share_request_is_clicked_to_each_of_its_ends(chromium: Any, fresh: Any) -> None:
    """Sent and accepted, sent and revoked, sent and expired: both accounts see what it is."""
    arn = users.principal_of(OTHER, "rosa")
    grants = [users.grant(OTHER, "us-east-1", role, arn) for role in ("admin", "owner")]
    users.add(fresh.store, "rosa", grants, by="test", now=fresh.time, password=PASSWORD)
    own = library.custom(fresh, "framework")
    with serving(fresh) as base, page_of(chromium, base, "rosa") as rosa:
        press(rosa, "Set up")
        rosa.goto(f"{base}/account")
        press(rosa, "Act as Audit owner")
        rosa.wait_for_url("**/console/")
        with page_of(chromium, base, "olga") as olga:
            _send(olga, base, own)
            shot(olga, "share-sent")
            rosa.goto(f"{base}/shares")
            shot(rosa, "share-received")
            press(rosa, "Accept")
            rosa.get_by_text("Shared", exact=True).wait_for()
            shot(rosa, "share-accepted")
            rosa.goto(f"{base}/frameworks?type=Custom")
            rosa.get_by_role("link", name=re.compile("Our framework")).first.wait_for()
            _send(olga, base, own)
            row = olga.get_by_role("row", name=f"{OTHER}, us-east-1").first
            row.get_by_role("button", name="Revoke").click()
            olga.get_by_text("Revoked", exact=True).wait_for()
            shot(olga, "share-revoked")
            rosa.goto(f"{base}/shares")
            assert rosa.get_by_role("button", name="Accept").count() == 0
            _send(olga, base, own)
        fresh.time += timedelta(days=121)
        with page_of(chromium, base, "olga") as olga:
            olga.goto(f"{base}/shares?side=SENT")
            olga.get_by_text("Expired", exact=True).first.wait_for()
            shot(olga, "share-expired")


def _send(olga: Any, base: str, framework: str) -> None:
    olga.goto(f"{base}/frameworks/{framework}")
    olga.get_by_role("link", name="Share").click()
    olga.get_by_label("AWS account id").fill(OTHER)
    olga.get_by_label("Comment").fill("For your assistants.")
    shot(olga, "share-form")
    press(olga, "Send the request")
    olga.get_by_text("The request was sent").wait_for()


@pytest.mark.slow
def test_manual_evidence_is_dropped_linked_and_written(
    chromium: Any, make_installation: Any, bucket: str
) -> None:
    """A dropped file, an object of a bound bucket and a text are items of the day's folder."""
    aws = AwsSettings(access_key="test", secret_key="test", endpoint_url=bucket, region="us-east-1")
    made = make_installation(options=ServeOptions(aws=aws))
    grant = tenants.Grant(
        roles=("arn:aws:iam::123456789012:role/reader",),
        evidence_buckets={"minutes": "123456789012"},
    )
    tenants.bind(made.context.settings, made.store, TENANT, grant, by="test")
    sets = made.context.catalogue.framework.control_sets
    control = next(one for one in sets if one.name == "Privacy").controls[0]
    path = f"/assessments/{made.assessment.id}/controls/{control.uuid}?set=Privacy"
    with serving(made) as base, page_of(chromium, base, "olga") as olga:
        olga.goto(f"{base}{path}")
        carried = olga.evaluate_handle(
            "() => { const t = new DataTransfer();"
            " t.items.add(new File(['who was there'], 'minutes.txt')); return t; }"
        )
        form = olga.locator("#manual form")
        for kind in ("dragenter", "dragover"):
            form.dispatch_event(kind, {"dataTransfer": carried})
        shot(olga, "manual-dragging")
        form.dispatch_event("drop", {"dataTransfer": carried})
        shot(olga, "manual-dropped")
        press(olga, "Add the evidence")
        olga.get_by_text("1 item was added so far").wait_for()
        olga.get_by_label("Or an object in S3").fill("s3://minutes/a/raci.csv")
        press(olga, "Add the evidence")
        olga.get_by_text("2 items were added so far").wait_for()
        made.work()
        olga.get_by_label("Or a text").fill("Seen by the board on 30 October.")
        press(olga, "Add the evidence")
        olga.get_by_text("3 items were added so far").wait_for()
        shot(olga, "manual-three")
        olga.get_by_role("link", name="Evidence finder").click()
        olga.goto(f"{base}/finder?f=source+%3D+manual")
        shot(olga, "manual-found")
        links = olga.locator("#found tbody th a")
        assert links.count() == 3
        texts = []
        for number in range(3):
            links.nth(number).click()
            olga.wait_for_url("**/evidence/**")
            texts.append(olga.locator("main").inner_text())
            shot(olga, "manual-item")
            olga.go_back()
        joined = "\n".join(texts)
        for part in ("minutes.txt", "s3://minutes/a/raci.csv", "Seen by the board"):
            assert part in joined
        assert joined.count("Kept") == 3


@pytest.mark.slow
def test_channels_keys_and_keeping_are_clicked(
    chromium: Any, fresh: Any, receiver: Receiver
) -> None:
    """A channel is added, tested and removed; a key shown once and revoked; a hold set, lifted."""
    local = Channel(
        tenant=TENANT,
        name="desk",
        kind="webhook",
        target=receiver.url,
        secret="a-key-of-some-length-0123456789abcdef",
        allow=("127.0.0.0/8", "::1/128"),
        authorities=receiver.authorities,
    )
    alert_channels.add(fresh.store, local, by="test")  # a private address, by who runs the server
    with serving(fresh) as base, page_of(chromium, base, "olga") as olga:
        olga.goto(f"{base}/account")
        press(olga, "Act as admin")
        olga.wait_for_url("**/console/")
        olga.get_by_role("link", name="Settings").click()
        olga.get_by_role("link", name="Alert channels").click()
        _channels(olga, receiver)
        olga.get_by_role("link", name="Access keys").click()
        _keys(olga)
        olga.get_by_role("link", name="Retention and holds").click()
        _keeping(olga)


def _channels(olga: Any, receiver: Receiver) -> None:
    olga.get_by_label("Name", exact=True).fill("ops")
    olga.get_by_label("Address").fill("https://hooks.example.org/T0/secret")
    olga.get_by_label("Key of the signature").fill("a-key-of-some-length-0123456789abcdef")
    olga.get_by_label("Your present password").fill(PASSWORD)
    press(olga, "Add the channel")
    olga.get_by_role("row", name="ops").wait_for()
    shot(olga, "channel-added")
    press(olga, "Send a test desk")
    olga.get_by_text("A test was sent through desk").wait_for()
    shot(olga, "channel-tested")
    assert len(receiver.got) == 1
    assert json.loads(receiver.got[0][1])
    press(olga, "Send a test ops")  # no name service here
    olga.get_by_role("alert").wait_for()
    shot(olga, "channel-test-failed")
    press(olga, "Remove ops")
    olga.get_by_role("row", name="ops").wait_for(state="detached")
    assert olga.get_by_role("row", name="desk").count() == 1
    shot(olga, "channel-removed")


def _keys(olga: Any) -> None:
    olga.get_by_label("Persona").select_option("auditor")
    olga.get_by_label("Identity").fill("arn:aws:iam::111122223333:role/reader")
    olga.get_by_label("Your present password").fill(PASSWORD)
    press(olga, "Make the key")
    olga.get_by_text("Its secret is shown only now").wait_for()
    shot(olga, "key-made")
    secret = olga.locator(".flash code").nth(1).inner_text()
    olga.get_by_role("link", name="Access keys").click()
    olga.get_by_role("row", name="role/reader").wait_for()
    assert secret not in olga.content()
    press(olga, "Revoke")
    olga.get_by_text("revoked", exact=True).wait_for()
    shot(olga, "key-revoked")


def _keeping(olga: Any) -> None:
    olga.get_by_label("Days").fill("400")
    olga.get_by_label("Your present password").fill(PASSWORD)
    press(olga, "Keep it so long")
    olga.get_by_text("400 days").first.wait_for()
    shot(olga, "kept-400-days")
    olga.get_by_label("Reason", exact=True).fill("An inquiry")
    press(olga, "Set the hold")
    olga.get_by_role("row", name="An inquiry").wait_for()
    shot(olga, "held")
    olga.get_by_label("Reason to lift it").fill("It is closed")
    olga.locator("td").get_by_label("Your present password").fill(PASSWORD)
    press(olga, "Lift it")
    olga.get_by_text("Nothing is held").wait_for()
    shot(olga, "lifted")


@pytest.mark.slow
def test_a_user_is_invited_given_roles_and_disabled(chromium: Any, fresh: Any) -> None:
    """By a link shown once; a second persona; one-time codes on; disabled, nobody is let in."""
    with (
        serving(fresh) as base,
        page_of(chromium, base, "olga") as olga,
        page_of(chromium, base) as nina,
    ):
        olga.goto(f"{base}/account")
        press(olga, "Act as admin")
        olga.wait_for_url("**/console/")
        _invited(olga, nina, base)
        olga.goto(f"{base}/settings/users/nina")
        olga.get_by_label("Persona", exact=True).select_option("delegate")
        olga.locator("#c-password-give").fill(PASSWORD)
        press(olga, "Give the persona")
        olga.get_by_role("row", name="nina Auditor, Delegate").wait_for()
        shot(olga, "user-roles")
        nina.goto(f"{base}/account")
        nina.get_by_role("button", name="Act as Delegate").wait_for()
        _codes(nina, fresh, base)
        olga.goto(f"{base}/settings/users/nina")
        shot(olga, "user-managed")
        press(olga, "Disable the user")
        olga.get_by_role("row", name="nina").get_by_text("disabled").wait_for()
        shot(olga, "user-disabled")
        nina.goto(f"{base}/assessments")
        nina.get_by_role("button", name="Sign in").wait_for()
        shot(nina, "user-shut-out")


def _invited(olga: Any, nina: Any, base: str) -> None:
    olga.goto(f"{base}/settings/users")
    olga.get_by_label("User name").fill("nina")
    olga.get_by_label("Persona").select_option("auditor")
    olga.get_by_label("Your present password").fill(PASSWORD)
    press(olga, "Invite")
    olga.get_by_text("It is shown only now").wait_for()
    shot(olga, "user-invited")
    link = olga.locator(".flash code").inner_text()
    nina.goto(re.sub("^https?://[^/]+/console", base, link))
    shot(nina, "user-welcome")
    for field in nina.locator("input[type=password]").all():
        field.fill(PASSWORD)
    press(nina, "Go on")
    nina.wait_for_url(re.compile("/console/(?!welcome)"))
    shot(nina, "user-first-page")


def _codes(nina: Any, fresh: Any, base: str) -> None:
    """Have codes asked for at sign-in, and sign in with one."""
    secret = nina.locator("input[name=secret]").get_attribute("value")
    nina.locator("#c-now").fill(PASSWORD)
    nina.get_by_label("One-time code", exact=True).fill(_code(secret, fresh.time))
    shot(nina, "user-codes")
    press(nina, "Ask for codes at sign-in")
    nina.get_by_text("one-time code from now on").wait_for()
    press(nina, "Sign out")
    nina.get_by_role("button", name="Sign in").wait_for()
    fresh.time += timedelta(minutes=2)
    nina.goto(f"{base}/sign-in")
    nina.get_by_label("User name").fill("nina")
    nina.get_by_label("Password").fill(PASSWORD)
    press(nina, "Sign in")
    nina.get_by_role("alert").wait_for()
    shot(nina, "user-refused-without-code")
    nina.get_by_label("Password").fill(PASSWORD)
    nina.get_by_label("One-time code").fill(_code(secret, fresh.time))
    press(nina, "Sign in")
    nina.wait_for_url(re.compile("/console/(?!sign-in)"))


def _code(secret: str, time: Any) -> str:
    """Return the code that an authenticator with this key shows."""
    key = b32decode(secret + "=" * (-len(secret) % 8))
    sha1 = SHA1()  # noqa: S303 - RFC 6238 has no other that authenticators know
    return TOTP(key, 6, sha1, 30).generate(int(time.timestamp())).decode()
