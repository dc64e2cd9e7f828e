"""Users in the settings: invited, given personas, disabled; and the API's access keys."""

from collections.abc import Mapping
from typing import Any, Final, get_args

from starlette.responses import Response

from affidavit.console.page import Page, url_to
from affidavit.console.pages.confirming import require_password
from affidavit.console.texts import _
from affidavit.console.views import act, view
from affidavit.errors import UsageError
from affidavit.operations import key_admin, users
from affidavit.operations.caller import Role
from affidavit.operations.user_admin import ACTS, Admin

ROLES: Final[tuple[Role, ...]] = get_args(Role)


def invite(page: Page) -> Response:
    """Make a user, and show the link this once."""
    admin = _admin(page)
    page.require("UpdateSettings")
    require_password(page)
    form = page.form
    name = form.text("name")
    token = admin.invite(name, form.text("role"), form.text("principal"))
    return _with_link(page, name, token)


def change_user(page: Page) -> Response:
    """Do to a user what the pressed button says."""
    admin, form = _admin(page), page.form
    page.require("UpdateSettings")
    name, what = page.part("user"), form.text("do")
    if what in ("link", "reset-codes", "enable", "give"):
        require_password(page)
    if what == "link":
        return _with_link(page, name, admin.link(name))
    if what == "give":
        admin.give(name, form.text("role"), form.text("principal"))
    elif what == "withdraw":
        admin.withdraw(name, form.text("role"), form.text("principal"))
    elif what in ACTS:
        ACTS[what](admin, name)
    else:
        raise UsageError(_("Nothing was chosen."))
    return page.go("/settings/users", "saved")


def _admin(page: Page) -> Admin:
    return Admin(context=page.context, caller=page.caller, name=page.signed_in.user.name)


def _with_link(page: Page, name: str, token: str) -> Response:
    host = page.request.headers.get("host", "")
    scheme = "https" if page.console.secure else page.request.url.scheme
    page.form = type(page.form)()
    return show_users(page, made=name, link=f"{scheme}://{host}{url_to('welcome', token)}")


def show_users(page: Page, made: str = "", link: str = "") -> Response:
    """Show the users of the account and Region, and the link of who was just `made`."""
    found = _admin(page).every()
    return page.show(
        "settings/users.html",
        found=found,
        roles=ROLES,
        made=made,
        link=link,
        own=users.key_of(page.signed_in.user.name),
        key_of=users.key_of,
    )


def show_user(page: Page) -> Response:
    """Show what can be done to one user."""
    wanted = users.key_of(page.part("user"))
    found = [one for one in _admin(page).every() if users.key_of(one.user.name) == wanted]
    if not found:
        raise UsageError(_("There is no such user here."))
    own = users.key_of(page.signed_in.user.name) == wanted
    return page.show("settings/user.html", one=found[0], roles=ROLES, own=own)


def show_keys(page: Page) -> Response:
    """Show the access keys of the account."""
    return _show_keys(page, {})


def add_key(page: Page) -> Response:
    """Make a key, and show its secret this once."""
    page.require("UpdateSettings")
    require_password(page)
    form = page.form
    made = key_admin.add(
        page.context,
        page.caller,
        page.signed_in.user,
        principal_arn=form.text("principal"),
        role=form.text("role"),
    )
    page.form = type(page.form)()
    return _show_keys(page, {"id": made.access_key_id, "secret": made.secret})


def revoke_key(page: Page) -> Response:
    """Refuse every later request of a key."""
    user = page.signed_in.user
    key_admin.revoke(page.context, page.caller, user, page.part("key"))
    return page.go("/settings/keys", "revoked-key")


def _show_keys(page: Page, made: Mapping[str, Any]) -> Response:
    page.require("UpdateSettings")
    user = page.signed_in.user
    return page.show(
        "settings/keys.html",
        found=key_admin.every(page.context, page.caller, user),
        regions=sorted(key_admin.administered(page.caller, user)),
        made=made,
        roles=ROLES,
        user=user,
    )


VIEWS = (
    view("/settings/users", show_users, "Settings: users"),
    act("/settings/users", invite, show_users),
    view("/settings/users/{user}", show_user, "Settings: a user"),
    act("/settings/users/{user}", change_user, show_user),
    view("/settings/keys", show_keys, "Settings: access keys of the API"),
    act("/settings/keys", add_key, show_keys),
    act("/settings/keys/{key}/revoke", revoke_key, show_keys),
)
