"""A tenant's own numbers and domains: what is no disclosure when a model says it.

One list for collections and watches (`collector.log_settings` reads it). Each change is a leaf of
the ledger, and every scan tells how many hits each entry left out. What would make others' data the
company's own, a public suffix or a provider of mailboxes, is refused.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from affidavit.collector.log_settings import OWN
from affidavit.errors import UsageError
from affidavit.logscan.detectors import Allowed
from affidavit.model.times import iso, utc_now
from affidavit.operations import looking
from affidavit.operations.caller import Caller
from affidavit.operations.changes import Change, act_by
from affidavit.operations.context import Context
from affidavit.operations.faults import ValidationFault
from affidavit.store import Store
from affidavit.store.documents import Document

LOOK: Final = "GetSettings"
OPERATION: Final = "UpdateSettings"
"""Of the API: what is the company's own is a setting of the tenant."""
MOST: Final = 500
"""Entries of each kind."""
TENANT: Final = re.compile(r"[0-9]{12}/[a-z0-9-]+", re.ASCII)
_LEAST_LETTERS, _LONGEST, _LONGEST_DOMAIN = 6, 64, 253
_NUMBERS: Final = (
    f"write at least {_LEAST_LETTERS} digits and letters, as +1 800 555 0100, in "
    f"{_LONGEST} characters at most."
)
_DOMAIN: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]+", re.ASCII)
_SUFFIX: Final = re.compile(
    r"(?:ac|co|com|edu|gen|go|gob|gov|gouv|ltd|ne|net|nom|or|org|plc|sch)\.[a-z]{2}"
    r"|(?:amazonaws|appspot|azurewebsites|blogspot|cloudfront|herokuapp|myshopify|onmicrosoft|"
    r"sharepoint|wordpress)\.(?:com|net)|(?:github|gitlab)\.io|(?:netlify|vercel|web)\.app"
    r"|(?:pages|workers)\.dev"
    r"|(?:(?:s3|s3-website|execute-api)[.-])?(?:[a-z]{2}-[a-z-]+-[0-9]\.)?(?:elb\.)?amazonaws\.com"
)
_MAILBOXES: Final = re.compile(
    r"(?:aol|fastmail|gmail|gmx|googlemail|hotmail|icloud|live|msn|outlook|protonmail|rocketmail|"
    r"yahoo|yandex|ymail|zoho)\.(?:[a-z]{2,3}\.)?[a-z]{2,3}"
    r"|(?:mail|me|qq|126|163|comcast|naver)\.(?:com|net)|proton\.me|pm\.me|(?:web|t-online|freenet)\.de"
    r"|(?:orange|free|laposte)\.(?:fr|net)|libero\.it|(?:inbox|mail)\.ru|list\.ru|bk\.ru"
)
"""Providers at which anybody has an address; others' are for the reader of the list to see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnData:
    """The list as people see it."""

    numbers: Sequence[str] = ()
    domains: Sequence[str] = ()
    version: int = 0
    """0: there was never one."""
    by: str = ""
    at: str = ""


def problems(numbers: Sequence[str], domains: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield (member, what it must be) for each entry that cannot be the company's own."""
    for name, given in (("numbers", numbers), ("domains", domains)):
        if len(given) > MOST:
            yield name, f"There may be {MOST} entries at most, not {len(given)}."
            return
    for number in numbers:
        if not _is_number(number):
            yield "numbers", f"{number[:_LONGEST]!r} is no number: {_NUMBERS}"
    for domain in domains:
        if why := _foreign(domain.lower()):
            yield "domains", f"{domain[:_LONGEST_DOMAIN]!r} {why}"


def _is_number(text: str) -> bool:
    letters = max(Allowed(numbers=frozenset([text[:_LONGEST]])).numbers, default="")
    is_plain = len(text) <= _LONGEST and text.isprintable()
    return is_plain and len(letters) >= _LEAST_LETTERS and re.search("[0-9]", letters) is not None


def _foreign(domain: str) -> str:
    """Return why a domain cannot be the company's own; empty: it can."""
    if len(domain) > _LONGEST_DOMAIN or not _DOMAIN.fullmatch(domain):
        return "is no domain: write it as example.org, without @ or /."
    if _SUFFIX.fullmatch(domain):
        return "is a suffix under which others have domains of their own."
    return (
        "gives mailboxes to anybody: they are not the company's."
        if _MAILBOXES.fullmatch(domain)
        else ""
    )


def require(numbers: Sequence[str], domains: Sequence[str]) -> None:
    """Raise `UsageError` for the first entry that cannot be the company's own."""
    for _, words in problems(numbers, domains):
        raise UsageError("Not the company's own", why=words)


def shown(context: Context, caller: Caller) -> OwnData:
    """Return the list of the caller's tenant."""
    looking.require(context, caller, LOOK)
    return kept(context.store, caller.tenant)


def kept(store: Store, tenant: str) -> OwnData:
    """Return the list of a tenant."""
    return _read(store.documents.get(tenant, OWN, OWN))


def change(
    context: Context, caller: Caller, numbers: Sequence[str], domains: Sequence[str]
) -> None:
    """Replace the list of the caller's tenant; `ValidationFault` names each bad entry."""
    looking.require(context, caller, OPERATION)
    if wrong := list(problems(numbers, domains)):
        raise ValidationFault.of_members(wrong)
    lists = _Lists(numbers, domains)
    found = context.store.documents.get(caller.tenant, OWN, OWN)
    lists.replace(context.store, caller.tenant, found, caller.principal_arn, context.now())


def edit(
    store: Store,
    tenant: str,
    *,
    numbers: Sequence[str],
    domains: Sequence[str],
    dropped: Sequence[str],
    by: str,
) -> OwnData:
    """Add to a tenant's list and take off it; `UsageError` for what is no tenant, or not there."""
    if not TENANT.fullmatch(tenant):
        raise UsageError(f"{tenant!r} is no tenant", todo="Write 111122223333/eu-central-1.")
    document = store.documents.get(tenant, OWN, OWN)
    found = _read(document)
    gone = {one.lower() for one in dropped}
    there = {one.lower() for one in (*found.numbers, *found.domains)}
    if missing := sorted(gone - there):
        raise UsageError(f"Not on the list of {tenant}: {', '.join(missing)}")
    lists = _Lists(
        [*(one for one in found.numbers if one.lower() not in gone), *numbers],
        [*(one for one in found.domains if one.lower() not in gone), *domains],
    )
    lists.replace(store, tenant, document, by, utc_now())
    return kept(store, tenant)


@dataclass(frozen=True, slots=True)
class _Lists:
    """What becomes a tenant's list."""

    numbers: Sequence[str]
    domains: Sequence[str]

    def replace(
        self, store: Store, tenant: str, found: Document | None, by: str, now: datetime
    ) -> None:
        """Replace what was `found`, with a leaf of the ledger; the same again is no change."""
        require(self.numbers, self.domains)
        lists = {
            "numbers": sorted(set(self.numbers)),
            "domains": sorted({one.lower() for one in self.domains}),
        }
        if found is not None and all(found.body[name] == lists[name] for name in lists):
            return
        put = Document(
            kind=OWN,
            id=OWN,
            sort=OWN,
            body={**lists, "by": by, "at": iso(now)},
            version=found.version if found else 0,
        )
        about = Change(
            action="UPDATE_METADATA" if found else "CREATE",
            object_type="OWN_DATA",
            object_id=OWN,
            object_name="own numbers and domains",
            details=lists,
        )
        act_by(store, tenant, by, about, now=now, puts=[put])


def _read(found: Document | None) -> OwnData:
    if found is None:
        return OwnData()
    body = found.body
    return OwnData(
        numbers=body["numbers"],
        domains=body["domains"],
        version=found.version,
        by=body["by"],
        at=body["at"],
    )
