"""How a tenant's invocation logs are scanned: the key of the hashes, and what is the company's own.

Whoever collects and whoever watches a log scan it alike. What is the company's own is one list of
the tenant: hits on it are no disclosures, and every scan tells how many it left out.
"""

import hmac
from hashlib import sha256
from typing import Final

from affidavit.logscan.detectors import Allowed
from affidavit.logscan.invocations import ScanSettings
from affidavit.store import Store

OWN: Final = "own_data"
"""Kind and id of the tenant's one list."""


def scan_settings(store: Store, tenant: str) -> ScanSettings:
    """Return how a tenant's logs are scanned."""
    key = hmac.new(store.keyring.oldest(tenant).body, b"log findings", sha256).digest()
    return ScanSettings(key=key, allowed=own_data(store, tenant))


def own_data(store: Store, tenant: str) -> Allowed:
    """Return the tenant's own numbers and domains, with the words that say which list it is."""
    found = store.documents.get(tenant, OWN, OWN)
    if found is None:
        return Allowed()
    body = found.body
    origin = f"version {found.version} of the tenant's list, by {body['by']} at {body['at']}"
    return Allowed(
        numbers=frozenset(body["numbers"]), domains=frozenset(body["domains"]), origin=origin
    )
