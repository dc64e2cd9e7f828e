"""Managing users from within: an administrator of an account and Region invites and ends its users.

Users belong to the installation, personas to an account and Region. So an administrator grants and
withdraws personas of the own account and Region only; what concerns a user as a whole (a new link,
one-time codes, disabling, sessions) only where all of the user's personas are of that place, and
never of oneself: nobody is locked out by a slip, and nobody takes over who also acts elsewhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from affidavit.errors import UsageError
from affidavit.operations import looking, sessions, signing_in, users
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context
from affidavit.operations.faults import NotFoundFault
from affidavit.operations.users import Grant, Told, User
from affidavit.store.documents import Document

OPERATION: Final = "UpdateSettings"
"""Of the API: who may change the settings may manage the users."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Managed:
    """A user as an administrator sees one."""

    user: User
    grants: tuple[Grant, ...]
    """Personas in the administrator's account and Region; others are nobody's business here."""
    whole: bool
    """Whether all personas are of that place."""
    sessions: int
    """Sessions that are open; 0 where the user is not wholly of that place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """An administrator at work."""

    context: Context
    caller: Caller
    name: str
    """Of the administrator as a user."""

    def every(self) -> list[Managed]:
        """Return the users with a persona in the administrator's account and Region, by name."""
        self._require()
        found = (self._managed(users.user_of(one)) for one in self._documents())
        return [one for one in found if one.grants]

    def invite(self, name: str, role: str, principal_arn: str = "") -> str:
        """Make a user with one persona here, and return the token of the link."""
        self._require()
        store, now = self.context.store, self.context.now()
        users.add(store, name, [self._grant(name, role, principal_arn)], by=self.name, now=now)
        return users.invite(store, users.key_of(name), now)

    def give(self, name: str, role: str, principal_arn: str = "") -> None:
        """Give a user of this place another persona here; open sessions stay as they are."""
        document = self._document(name)
        self._require_other(document)
        _require_own(document)
        given = self._grant(document.body["name"], role, principal_arn).to_json()
        if given in document.body["grants"]:
            raise UsageError(f"{name} has this persona already")
        self._change(document, {"grants": [*document.body["grants"], given]}, "persona given")

    def withdraw(self, name: str, role: str, principal_arn: str) -> None:
        """Take a persona here from a user; sessions in which the user acts in it end."""
        document = self._document(name)
        _require_own(document)
        gone = self._grant(document.body["name"], role, principal_arn).to_json()
        left = [one for one in document.body["grants"] if one != gone]
        if len(left) == len(document.body["grants"]):
            raise NotFoundFault(role, "persona")
        self._require_other(document)
        if not left:
            raise UsageError(
                f"{name} would be nobody", todo="Disable the user, or give another persona first."
            )
        self._change(document, {"grants": left}, "persona withdrawn")

    def link(self, name: str) -> str:
        """Return a new one-time token: for a forgotten password, or an invitation that ended."""
        document = self._whole(name)
        _require_own(document)
        if document.body["disabled"]:
            raise UsageError(f"{name} is disabled", todo="Enable the user first.")
        now = self.context.now()
        told = Told("UPDATE_METADATA", self.name, "one-time link given")
        users.write(self.context.store, document, told, now)
        return users.invite(self.context.store, document.id, now)

    def disable(self, name: str) -> None:
        """Refuse every later request of a user; open sessions end."""
        users.set_disabled(
            self.context.store, self._whole(name).id, by=self.name, now=self.context.now()
        )
        self._end_sessions(name)

    def enable(self, name: str) -> None:
        """Let a disabled user sign in again."""
        document = self._whole(name)
        put = replace(document, body=document.body | {"disabled": False})
        users.write(self.context.store, put, Told("ACTIVE", self.name), self.context.now())

    def reset_codes(self, name: str) -> None:
        """Ask a user for no one-time codes any more: the device was lost; open sessions end."""
        document = self._whole(name)
        signing_in.drop_codes(self.context.store, document.id, self.name, self.context.now())
        self._end_sessions(name)

    def end_sessions(self, name: str) -> None:
        """Sign a user out everywhere."""
        document = self._whole(name)
        told = Told("UPDATE_METADATA", self.name, "sessions ended")
        users.write(self.context.store, document, told, self.context.now())
        self._end_sessions(name)

    def _require(self) -> None:
        looking.require(self.context, self.caller, OPERATION)

    def _documents(self) -> Sequence[Document]:
        return self.context.store.documents.every(users.TENANT, users.KIND)

    def _managed(self, user: User) -> Managed:
        own = tuple(one for one in user.grants if self._is_here(one))
        whole = len(own) == len(user.grants)
        now, store = self.context.now(), self.context.store
        count = len(sessions.of_user(store, user.name, now)) if whole else 0
        return Managed(user=user, grants=own, whole=whole, sessions=count)

    def _is_here(self, one: Grant) -> bool:
        return (one.account_id, one.region) == (self.caller.account_id, self.caller.region)

    def _grant(self, name: str, role: str, principal_arn: str) -> Grant:
        arn = principal_arn or users.principal_of(self.caller.account_id, name)
        return users.grant(self.caller.account_id, self.caller.region, role, arn)

    def _document(self, name: str) -> Document:
        """Return a user who has a persona here; others are not there."""
        self._require()
        found = users.document_of(self.context.store, name)
        if found is None or not any(map(self._is_here, users.user_of(found).grants)):
            raise NotFoundFault(name, "user")
        return found

    def _whole(self, name: str) -> Document:
        """Return a user all of whose personas are here, and who is not the administrator."""
        document = self._document(name)
        self._require_other(document)
        if not all(map(self._is_here, users.user_of(document).grants)):
            raise UsageError(
                f"{name} acts in other accounts or Regions as well",
                why="An administrator of one of them alone decides over personas only.",
                todo="On the server: affidavit user.",
            )
        return document

    def _require_other(self, document: Document) -> None:
        if document.id == users.key_of(self.name):
            raise UsageError(
                "That is you",
                why="Nobody locks themselves out by a slip, or takes another persona alone.",
                todo="Another administrator does it.",
            )

    def _change(self, document: Document, body: dict[str, object], what: str) -> None:
        put = replace(document, body=document.body | body)
        told = Told("UPDATE_METADATA", self.name, what)
        users.write(self.context.store, put, told, self.context.now())

    def _end_sessions(self, name: str) -> None:
        sessions.end_all(self.context.store, name, self.context.now())


def _require_own(document: Document) -> None:
    """Raise `UsageError` for a user whom an OpenID provider vouches for."""
    if users.user_of(document).external:
        raise UsageError(
            f"{document.body['name']} signs in by OpenID Connect",
            why="The provider says who that is, and the groups give the personas.",
            todo="Change the groups, or disable the user.",
        )


ACTS: Final[dict[str, Callable[[Admin, str], None]]] = {
    "disable": Admin.disable,
    "enable": Admin.enable,
    "reset-codes": Admin.reset_codes,
    "end-sessions": Admin.end_sessions,
}
"""What is done to a user without anything else being given."""
