"""The OpenID provider as it describes itself: where it is asked, and the keys it signs with."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from affidavit.alerting.addresses import Network
from affidavit.errors import UsageError
from affidavit.operations.faults import ThrottlingFault
from affidavit.operations.openid_http import asked, is_web, unusable

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
"""Signatures that are taken: by a key that the provider alone has, never by the shared secret."""
_KNOWN_FOR: Final = timedelta(minutes=10)
_AGAIN_AFTER: Final = timedelta(seconds=10)
"""How old what is known may be where something was signed by a key that is not."""
AT_ONCE: Final = 3
"""Requests that may wait for the provider at once: the console's other threads stay free."""
AVOIDED: Final = timedelta(seconds=15)
"""How long a provider is not asked again that could not be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What it says of itself."""

    read_at: datetime
    authorize: str
    token: str
    keys: KeySet
    basic: bool
    """Whether the client shows its secret in a header."""
    says_issuer: bool
    """Whether the answer must name the issuer (RFC 9207)."""
    userinfo: str
    """Empty: it has none."""
    end_session: str
    """Where browsers are sent to sign out; empty: nowhere."""


class Providers:
    """The one provider, read now and then; safe to share between threads."""

    def __init__(self, issuer: str, allowed: Sequence[Network]) -> None:
        """Take its issuer, and the networks that are allowed beside public ones."""
        self._issuer, self._allowed = issuer, allowed
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._known: Provider | None = None
        self._failed: tuple[datetime, str] | None = None

    def decoded(self, text: str, now: datetime) -> jwt.Token:
        """Return a token that the provider signed; `JoseError` or `ValueError` for any other."""
        try:
            return jwt.decode(text, self.now(now).keys, algorithms=[*ALGORITHMS])
        except (JoseError, ValueError):  # by a new key, perhaps
            return jwt.decode(text, self.now(now, again=True).keys, algorithms=[*ALGORITHMS])

    def now(self, now: datetime, *, again: bool = False) -> Provider:
        """Return the provider as it describes itself; read again now and then, or on demand."""
        known = self._current(now, again=again)
        if known is not None:
            return known
        with self.turn(), self._lock:
            known = self._current(now, again=again)  # another one has waited for it
            if known is not None:
                return known
            if self._failed and now - self._failed[0] < AVOIDED:
                raise unusable(self._failed[1])
            try:
                self._known = self._discovered(now)
            except UsageError as error:
                self._failed = now, error.why
                raise
            return self._known

    def _current(self, now: datetime, *, again: bool) -> Provider | None:
        """Return the provider as it is known, unless that is too old."""
        known = self._known
        old = _AGAIN_AFTER if again else _KNOWN_FOR
        return known if known is not None and now - known.read_at < old else None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Let a few requests wait for the provider, and send the others away."""
        if not self._turns.acquire(blocking=False):
            raise ThrottlingFault("Too many sign in at once. Try again in a moment.")
        try:
            yield
        finally:
            self._turns.release()

    def _discovered(self, now: datetime) -> Provider:
        issuer = self._issuer
        said = asked(f"{issuer.rstrip('/')}/.well-known/openid-configuration", self._allowed)
        if said.get("issuer") != issuer:
            raise unusable("It says that it is another one.")
        ends = [said.get(n) for n in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
        plain = issuer.startswith("http://")
        if not all(isinstance(one, str) and is_web(one, plain=plain) for one in ends):
            raise unusable("It does not say where to sign in.")
        try:
            keys = KeySet.import_key_set(asked(str(ends[2]), self._allowed))  # type: ignore[arg-type]
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise unusable("Its keys cannot be read.") from error
        methods = said.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return Provider(
            read_at=now,
            authorize=str(ends[0]),
            token=str(ends[1]),
            keys=keys,
            basic="client_secret_basic" in methods,
            says_issuer=said.get("authorization_response_iss_parameter_supported") is True,
            userinfo=_address(said, "userinfo_endpoint", plain=plain),
            end_session=_address(said, "end_session_endpoint", plain=plain),
        )


def _address(said: Mapping[str, Any], name: str, *, plain: bool) -> str:
    """Return an endpoint that a provider may have; empty where it has none that can be used."""
    found = said.get(name)
    return found if isinstance(found, str) and is_web(found, plain=plain) else ""
