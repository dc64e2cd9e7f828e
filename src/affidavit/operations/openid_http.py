"""How an OpenID provider is asked: by the checked exchange that webhooks go through as well."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from affidavit.alerting.addresses import Network
from affidavit.alerting.exchange import Answer, exchange
from affidavit.errors import AlertError, UsageError

OK: Final = 200


def asked(
    url: str, allowed: Sequence[Network], headers: Mapping[str, str] | None = None
) -> Mapping[str, Any]:
    """Return the object that an address of the provider answers."""
    own = {"Accept": "application/json", **(headers or {})}
    try:
        answer = exchange(url, allowed, headers=own)
        found = json.loads(answer.body) if answer.status == OK else None
    except (AlertError, ValueError) as error:
        raise unusable("It cannot be asked.") from error
    if not isinstance(found, dict):
        raise unusable("It does not answer as one.")
    return found


class Session:
    """What Authlib's client asks the provider through."""

    def __init__(self, allowed: Sequence[Network]) -> None:
        """Take the networks that are allowed beside public ones."""
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
            raise unusable("It cannot be asked.") from error
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
        if self.status_code != OK:
            raise ValueError(f"HTTP {self.status_code}")


def is_web(url: str, *, plain: bool) -> bool:
    """Tell whether an endpoint may be used: https, or as plain as its issuer."""
    return url.startswith("https://") or (plain and url.startswith("http://"))


def unusable(why: str) -> UsageError:
    """Return what is said where the provider cannot be used."""
    return UsageError(
        "The OpenID provider cannot be used now",
        why=why,
        todo="Try again later; who runs the server sees AFFIDAVIT_OIDC_ISSUER.",
    )
