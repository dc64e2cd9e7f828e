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
from dataclasses import asdict, dataclass
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
from affidavit.alerting.exchange import Answer, exchange
from affidavit.errors import AlertError, SettingsError, UsageError
from affidavit.model.times import iso, parse
from affidavit.operations import users
from affidavit.operations.faults import AccessDeniedFault, ThrottlingFault
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
_OK: Final = 200
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
        return str(address), self._sealed(begun)

    def finish(
        self, held: str, given: Mapping[str, str], redirect: str, now: datetime
    ) -> tuple[Identity, str]:
        """Return who signed in, and the page that was wanted; else `AccessDeniedFault`.

        `held` is what the browser held, `given` what the provider sent along.
        """
        begun = self._opened(held)
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
        return self._identity(self._claims(provider, token, begun.nonce, now)), begun.wanted

    def _client(self, provider: _Provider, redirect: str) -> OAuth2Client:
        secret = self._settings.oidc_client_secret
        method = "client_secret_basic" if provider.basic else "client_secret_post"
        return OAuth2Client(
            session=_Session(self._allowed),
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

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        subject = claims["sub"]
        groups = claims.get(self._settings.oidc_groups_claim, [])
        if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_SUBJECT:
            raise AccessDeniedFault(_WRONG)
        if isinstance(groups, str):
            groups = [groups]
        if not isinstance(groups, list):
            groups = []
        return Identity(
            issuer=self._settings.oidc_issuer,
            subject=subject,
            name=str(claims.get("preferred_username") or claims.get("name") or ""),
            groups=tuple(one for one in groups if isinstance(one, str)),
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
                raise _unusable(self._failed[1])
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
        said = self._json(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if said.get("issuer") != issuer:
            raise _unusable("It says that it is another one.")
        ends = [said.get(n) for n in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
        plain = issuer.startswith("http://")
        if not all(isinstance(one, str) and _is_web(one, plain=plain) for one in ends):
            raise _unusable("It does not say where to sign in.")
        try:
            keys = KeySet.import_key_set(self._json(str(ends[2])))  # type: ignore[arg-type]
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise _unusable("Its keys cannot be read.") from error
        methods = said.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return _Provider(
            read_at=now,
            authorize=str(ends[0]),
            token=str(ends[1]),
            keys=keys,
            basic="client_secret_basic" in methods,
            says_issuer=said.get("authorization_response_iss_parameter_supported") is True,
        )

    def _json(self, url: str) -> Mapping[str, Any]:
        try:
            answer = exchange(url, self._allowed, headers={"Accept": "application/json"})
            found = json.loads(answer.body) if answer.status == _OK else None
        except (AlertError, ValueError) as error:
            raise _unusable("It cannot be asked.") from error
        if not isinstance(found, dict):
            raise _unusable("It does not answer as one.")
        return found

    def _sealed(self, begun: Begun) -> str:
        nonce = secrets.token_bytes(_NONCE)
        text = json.dumps(asdict(begun)).encode()
        return base64.urlsafe_b64encode(nonce + self._cipher().encrypt(nonce, text, None)).decode()

    def _opened(self, held: str) -> Begun | None:
        try:
            data = base64.urlsafe_b64decode(held)
            return Begun(**json.loads(self._cipher().decrypt(data[:_NONCE], data[_NONCE:], None)))
        except (InvalidTag, ValueError):
            return None

    def _cipher(self) -> AESGCM:
        key = self._store.keyring.oldest(users.TENANT).body
        return AESGCM(hmac.new(key, b"single sign-on", sha256).digest())


class _Session:
    """What Authlib's client asks the provider through."""

    def __init__(self, allowed: Sequence[Network]) -> None:
        self._allowed = allowed

    def post(
        self, url: str, *, data: Mapping[str, str], headers: Mapping[str, str], auth: Any
    ) -> "_Response":
        """Post a form with the client's authentication."""
        own = dict(headers)
        url, own, body = auth.prepare("POST", url, own, urlencode(data))
        try:
            answer = exchange(url, self._allowed, method="POST", body=body.encode(), headers=own)
        except AlertError as error:
            raise _unusable("It cannot be asked.") from error
        return _Response(answer)


class _Response:
    """An answer as Authlib reads it."""

    def __init__(self, answer: Answer) -> None:
        self.status_code, self._body = answer.status, answer.body

    def json(self) -> Any:
        """Return the body's JSON; raises `ValueError`."""
        return json.loads(self._body)

    def raise_for_status(self) -> None:
        """Raise for an answer that is none."""
        if self.status_code != _OK:
            raise ValueError(f"HTTP {self.status_code}")


def _is_web(url: str, *, plain: bool) -> bool:
    """Tell whether an endpoint may be used: https, or as plain as its issuer."""
    return url.startswith("https://") or (plain and url.startswith("http://"))


def _unusable(why: str) -> UsageError:
    return UsageError(
        "The OpenID provider cannot be used now",
        why=why,
        todo="Try again later; who runs the server sees AFFIDAVIT_OIDC_ISSUER.",
    )
