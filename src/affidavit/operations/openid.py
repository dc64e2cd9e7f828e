"""Signing in by an OpenID provider: authorization code with PKCE, state and nonce, by Authlib.

What a sign-in needs to be finished (state, nonce, verifier) is sealed in a cookie of the browser
that began it: nobody finishes in another browser what somebody else began. The provider is set by
who runs the server; its addresses are checked as those of webhooks are, and no redirect is
followed. An identity is the provider's issuer and subject, never an e-mail address or a name.
"""

import base64
import hmac
import json
import re
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlencode

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from affidavit.alerting.addresses import Network, networks
from affidavit.errors import SettingsError, UsageError
from affidavit.model.times import iso, parse
from affidavit.operations import users
from affidavit.operations.faults import AccessDeniedFault, ThrottlingFault
from affidavit.operations.openid_http import Session, asked, is_web, unusable
from affidavit.settings import Settings
from affidavit.store import Store

LASTS: Final = timedelta(minutes=10)
"""How long somebody may take at the provider."""
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
"""Signatures that are taken: by a key that the provider alone has, never by the shared secret."""
_KNOWN_FOR: Final = timedelta(minutes=10)
AT_ONCE: Final = 3
"""Requests that may wait for the provider at once: the console's other threads stay free."""
AVOIDED: Final = timedelta(seconds=15)
"""How long a provider is not asked again that could not be."""
_LEEWAY: Final = 60
"""Seconds that clocks may differ."""
_MAX_SUBJECT: Final = 255
_CODE: Final = re.compile(r"[a-z_]{1,40}", re.ASCII)
_NONCE: Final = 12
_WRONG: Final = "The sign-in could not be finished. Begin again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A sign-in that was begun in a browser."""

    state: str
    nonce: str
    verifier: str
    wanted: str
    """The page that was asked for."""
    ends: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who somebody is, as the provider says."""

    issuer: str
    subject: str
    name: str
    """What the provider calls the user: to be shown, not to be relied on."""
    groups: tuple[str, ...]
    signed_in: str = ""
    """The ID token, sealed, by which the session at the provider is ended; empty: it goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Provider:
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


class OpenId:
    """Sign-in by the provider of the settings; safe to share between threads."""

    def __init__(self, settings: Settings, store: Store) -> None:
        """Take the settings; `SettingsError` where they name a provider and not what it needs."""
        self._settings, self._store = settings, store
        self._allowed: Sequence[Network] = networks(settings.oidc_networks)
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._known: _Provider | None = None
        self._failed: tuple[datetime, str] | None = None
        if self.on and not settings.oidc_client_id:
            raise SettingsError("AFFIDAVIT_OIDC_ISSUER needs AFFIDAVIT_OIDC_CLIENT_ID")

    @property
    def on(self) -> bool:
        """Tell whether there is a provider."""
        return bool(self._settings.oidc_issuer)

    def begin(self, redirect: str, wanted: str, now: datetime) -> tuple[str, str]:
        """Return the provider's address to send the browser to, and what it holds meanwhile."""
        begun = Begun(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            wanted=wanted,
            ends=iso(now + LASTS),
        )
        provider = self._provider(now)
        address, _state = self._client(provider, redirect).create_authorization_url(
            provider.authorize, state=begun.state, code_verifier=begun.verifier, nonce=begun.nonce
        )
        return str(address), self._sealed(asdict(begun))

    def finish(
        self, held: str, given: Mapping[str, str], redirect: str, now: datetime
    ) -> tuple[Identity, str]:
        """Return who signed in, and the page that was wanted; else `AccessDeniedFault`.

        `held` is what the browser held, `given` what the provider sent along.
        """
        sealed = self._opened(held)
        begun = Begun(**sealed) if "verifier" in sealed else None
        if begun is None or now >= parse(begun.ends):
            raise AccessDeniedFault("The sign-in took too long, or was begun in another browser.")
        if not hmac.compare_digest(given.get("state", "").encode(), begun.state.encode()):
            raise AccessDeniedFault(_WRONG)
        provider = self._provider(now)
        named = given.get("iss", "")
        if (named or provider.says_issuer) and named != self._settings.oidc_issuer:
            raise AccessDeniedFault(_WRONG)
        if given.get("error"):
            said = given["error"] if _CODE.fullmatch(given["error"]) else "an error"
            raise AccessDeniedFault(f"The provider did not sign you in: {said}.")
        with self._turn():
            token = self._token(provider, given.get("code", ""), begun.verifier, redirect)
        claims = self._claims(provider, token, begun.nonce, now)
        identity = self._identity(claims, self._userinfo(provider, token))
        if self._settings.oidc_sign_out:
            identity = replace(identity, signed_in=self._sealed({"idToken": token["id_token"]}))
        return identity, begun.wanted

    def signed_out(self, held: str, back: str, now: datetime) -> str:
        """Return where a browser is sent to sign out at the provider as well.

        `held` is `Identity.signed_in`. Raises `UsageError` where the provider has no such address.
        """
        provider = self._provider(now)
        if not provider.end_session:
            raise unusable("It names no end_session_endpoint.")
        given = {
            "id_token_hint": self._opened(held).get("idToken", ""),
            "client_id": self._settings.oidc_client_id,
            "post_logout_redirect_uri": back,
        }
        mark = "&" if "?" in provider.end_session else "?"
        return f"{provider.end_session}{mark}{urlencode(given)}"

    def _client(self, provider: _Provider, redirect: str) -> OAuth2Client:
        secret = self._settings.oidc_client_secret
        method = "client_secret_basic" if provider.basic else "client_secret_post"
        return OAuth2Client(
            session=Session(self._allowed),
            client_id=self._settings.oidc_client_id,
            client_secret=secret or None,
            token_endpoint_auth_method=method if secret else "none",
            scope=self._settings.oidc_scope,
            redirect_uri=redirect,
            code_challenge_method="S256",
        )

    def _token(
        self, provider: _Provider, code: str, verifier: str, redirect: str
    ) -> Mapping[str, Any]:
        if not code:
            raise AccessDeniedFault(_WRONG)
        try:
            found: Mapping[str, Any] = self._client(provider, redirect).fetch_token(
                provider.token,
                grant_type="authorization_code",
                code=code,
                code_verifier=verifier,
                redirect_uri=redirect,
            )
        except (OAuth2Error, ValueError) as error:
            raise AccessDeniedFault(_WRONG) from error
        return found

    def _claims(
        self, provider: _Provider, token: Mapping[str, Any], nonce: str, now: datetime
    ) -> CodeIDToken:
        """Return the claims of an ID token once all of it holds."""
        text = token.get("id_token")
        if not isinstance(text, str):
            raise AccessDeniedFault(_WRONG)
        try:
            try:
                decoded = jwt.decode(text, provider.keys, algorithms=[*ALGORITHMS])
            except (JoseError, ValueError):  # by a new key, perhaps
                provider = self._provider(now, again=True)
                decoded = jwt.decode(text, provider.keys, algorithms=[*ALGORITHMS])
            claims = CodeIDToken(
                decoded.claims,
                decoded.header,
                options={
                    "iss": {"essential": True, "value": self._settings.oidc_issuer},
                    "aud": {"essential": True, "value": self._settings.oidc_client_id},
                },
                params={
                    "nonce": nonce,
                    "client_id": self._settings.oidc_client_id,
                    "access_token": token.get("access_token"),
                },
            )
            claims.validate(now=int(now.timestamp()), leeway=_LEEWAY)
        except (JoseError, ValueError, TypeError) as error:
            raise AccessDeniedFault(_WRONG) from error
        return claims

    def _userinfo(self, provider: _Provider, token: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the provider says of the user beside the ID token, where that is wanted."""
        if not self._settings.oidc_userinfo:
            return {}
        access = token.get("access_token")
        if not provider.userinfo or not isinstance(access, str) or not access.isprintable():
            raise unusable("It has no userinfo endpoint.")
        with self._turn():
            return asked(provider.userinfo, self._allowed, {"Authorization": f"Bearer {access}"})

    def _identity(self, claims: Mapping[str, Any], more: Mapping[str, Any]) -> Identity:
        """Return who the ID token names; groups may stand in the answer of userinfo as well."""
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_SUBJECT:
            raise AccessDeniedFault(_WRONG)
        if more and more.get("sub") != subject:
            raise AccessDeniedFault(_WRONG)
        name = self._settings.oidc_groups_claim
        groups = [*_texts(claims.get(name)), *_texts(more.get(name))]
        if not groups and name in _mapping(claims.get("_claim_names")):
            raise AccessDeniedFault(
                "You are in more groups than the provider tells. Whoever runs it lets it tell only "
                "those that are assigned to this application."
            )
        return Identity(
            issuer=self._settings.oidc_issuer,
            subject=subject,
            name=str(claims.get("preferred_username") or claims.get("name") or ""),
            groups=tuple(groups),
        )

    def _provider(self, now: datetime, *, again: bool = False) -> _Provider:
        """Return the provider as it describes itself; read again now and then, or on demand."""
        known = self._current(now, again=again)
        if known is not None:
            return known
        with self._turn(), self._lock:
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

    def _current(self, now: datetime, *, again: bool) -> _Provider | None:
        """Return the provider as it is known, unless that is too old."""
        known = self._known
        old = LASTS / 60 if again else _KNOWN_FOR
        return known if known is not None and now - known.read_at < old else None

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Let a few requests wait for the provider, and send the others away."""
        if not self._turns.acquire(blocking=False):
            raise ThrottlingFault("Too many sign in at once. Try again in a moment.")
        try:
            yield
        finally:
            self._turns.release()

    def _discovered(self, now: datetime) -> _Provider:
        issuer = self._settings.oidc_issuer
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
        return _Provider(
            read_at=now,
            authorize=str(ends[0]),
            token=str(ends[1]),
            keys=keys,
            basic="client_secret_basic" in methods,
            says_issuer=said.get("authorization_response_iss_parameter_supported") is True,
            userinfo=_address(said, "userinfo_endpoint", plain=plain),
            end_session=_address(said, "end_session_endpoint", plain=plain),
        )

    def _sealed(self, what: Mapping[str, str]) -> str:
        nonce = secrets.token_bytes(_NONCE)
        text = json.dumps(what).encode()
        return base64.urlsafe_b64encode(nonce + self._cipher().encrypt(nonce, text, None)).decode()

    def _opened(self, held: str) -> Mapping[str, str]:
        """Return what was sealed; nothing where it was not sealed here."""
        try:
            data = base64.urlsafe_b64decode(held)
            found = json.loads(self._cipher().decrypt(data[:_NONCE], data[_NONCE:], None))
        except (InvalidTag, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _cipher(self) -> AESGCM:
        key = self._store.keyring.oldest(users.TENANT).body
        return AESGCM(hmac.new(key, b"single sign-on", sha256).digest())


def _address(said: Mapping[str, Any], name: str, *, plain: bool) -> str:
    """Return an endpoint that a provider may have; empty where it has none that can be used."""
    found = said.get(name)
    return found if isinstance(found, str) and is_web(found, plain=plain) else ""


def _texts(claim: object) -> list[str]:
    """Return the texts of a claim that is one or a list of them."""
    found = claim if isinstance(claim, list) else [claim]
    return [one for one in found if isinstance(one, str)]


def _mapping(claim: object) -> Mapping[str, Any]:
    return claim if isinstance(claim, dict) else {}
