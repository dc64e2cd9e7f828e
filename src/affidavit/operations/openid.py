"""Signing in by an OpenID provider: authorization code with PKCE, state and nonce, by Authlib.

What a sign-in needs to be finished (state, nonce, verifier) is sealed in a cookie of the browser
that began it: nobody finishes in another browser what somebody else began. The provider is set by
who runs the server; its addresses are checked as those of webhooks are, and no redirect is
followed. An identity is the provider's issuer and subject, never an e-mail address or a name.
Who signs out at the provider is signed out here by its logout token (Back-Channel Logout 1.0).
"""

import base64
import hmac
import json
import re
import secrets
from collections.abc import Mapping, Sequence
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
from joserfc.errors import JoseError
from joserfc.jwt import JWTClaimsRegistry

from affidavit.alerting.addresses import Network, networks
from affidavit.errors import SettingsError
from affidavit.model.times import iso, parse
from affidavit.operations import users
from affidavit.operations.faults import AccessDeniedFault
from affidavit.operations.openid_http import Session, asked, unusable
from affidavit.operations.openid_provider import Provider, Providers
from affidavit.settings import Settings
from affidavit.store import Store

LASTS: Final = timedelta(minutes=10)
"""How long somebody may take at the provider."""
_LEEWAY: Final = 60
"""Seconds that clocks may differ."""
_MAX_SUBJECT: Final = 255
_SIGNED_OUT: Final = "http://schemas.openid.net/event/backchannel-logout"
"""The event that a logout token tells of."""
_CODE: Final = re.compile(r"[a-z_]{1,40}", re.ASCII)
_NONCE: Final = 12
_WRONG: Final = "The sign-in could not be finished. Begin again."
_NO_LOGOUT: Final = "This is no logout token of the provider."


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
    session: str = ""
    """What the provider calls the session that somebody signed in with; empty: it does not say."""


class OpenId:
    """Sign-in by the provider of the settings; safe to share between threads."""

    def __init__(self, settings: Settings, store: Store) -> None:
        """Take the settings; `SettingsError` where they name a provider and not what it needs."""
        self._settings, self._store = settings, store
        self._allowed: Sequence[Network] = networks(settings.oidc_networks)
        self._providers = Providers(settings.oidc_issuer, self._allowed)
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
        provider = self._providers.now(now)
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
        provider = self._providers.now(now)
        named = given.get("iss", "")
        if (named or provider.says_issuer) and named != self._settings.oidc_issuer:
            raise AccessDeniedFault(_WRONG)
        if given.get("error"):
            said = given["error"] if _CODE.fullmatch(given["error"]) else "an error"
            raise AccessDeniedFault(f"The provider did not sign you in: {said}.")
        with self._providers.turn():
            token = self._token(provider, given.get("code", ""), begun.verifier, redirect)
        claims = self._claims(token, begun.nonce, now)
        identity = self._identity(claims, self._userinfo(provider, token))
        if self._settings.oidc_sign_out:
            identity = replace(identity, signed_in=self._sealed({"idToken": token["id_token"]}))
        return identity, begun.wanted

    def signed_out(self, held: str, back: str, now: datetime) -> str:
        """Return where a browser is sent to sign out at the provider as well.

        `held` is `Identity.signed_in`. Raises `UsageError` where the provider has no such address.
        """
        provider = self._providers.now(now)
        if not provider.end_session:
            raise unusable("It names no end_session_endpoint.")
        given = {
            "id_token_hint": self._opened(held).get("idToken", ""),
            "client_id": self._settings.oidc_client_id,
            "post_logout_redirect_uri": back,
        }
        mark = "&" if "?" in provider.end_session else "?"
        return f"{provider.end_session}{mark}{urlencode(given)}"

    def told_signed_out(self, token: str, now: datetime) -> tuple[str, str]:
        """Return the subject and the session that a logout token of the provider ends.

        One of them may be empty. Raises `AccessDeniedFault` for what is no such token: an ID token,
        which has a nonce and tells of no event, is none.
        """
        wanted = JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=_LEEWAY,
            iss={"essential": True, "value": self._settings.oidc_issuer},
            aud={"essential": True, "value": self._settings.oidc_client_id},
            iat={"essential": True},
            exp={"essential": True},
            jti={"essential": True},
            events={"essential": True},
        )
        try:
            claims = self._providers.decoded(token, now).claims
            wanted.validate(claims)
        except (JoseError, ValueError, TypeError) as error:
            raise AccessDeniedFault(_NO_LOGOUT) from error
        subject, session = claims.get("sub", ""), claims.get("sid", "")
        tells = isinstance(_mapping(claims["events"]).get(_SIGNED_OUT), dict)
        texts = isinstance(subject, str) and isinstance(session, str)
        if not tells or "nonce" in claims or not texts or not (subject or session):
            raise AccessDeniedFault(_NO_LOGOUT)
        return subject, session

    def _client(self, provider: Provider, redirect: str) -> OAuth2Client:
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
        self, provider: Provider, code: str, verifier: str, redirect: str
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

    def _claims(self, token: Mapping[str, Any], nonce: str, now: datetime) -> CodeIDToken:
        """Return the claims of an ID token once all of it holds."""
        text = token.get("id_token")
        if not isinstance(text, str):
            raise AccessDeniedFault(_WRONG)
        try:
            decoded = self._providers.decoded(text, now)
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

    def _userinfo(self, provider: Provider, token: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the provider says of the user beside the ID token, where that is wanted."""
        if not self._settings.oidc_userinfo:
            return {}
        access = token.get("access_token")
        if not provider.userinfo or not isinstance(access, str) or not access.isprintable():
            raise unusable("It has no userinfo endpoint.")
        with self._providers.turn():
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
            session=str(claims.get("sid") or ""),
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


def _texts(claim: object) -> list[str]:
    """Return the texts of a claim that is one or a list of them."""
    found = claim if isinstance(claim, list) else [claim]
    return [one for one in found if isinstance(one, str)]


def _mapping(claim: object) -> Mapping[str, Any]:
    return claim if isinstance(claim, dict) else {}
