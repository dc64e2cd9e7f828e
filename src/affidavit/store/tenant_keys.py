"""Tenants' data keys: one each, kept wrapped in the database, and unwrapped when it is used.

A data key is wrapped under a key-encrypting key: derived from the local master key, or made by the
KMS key that the tenant's settings name (GenerateDataKey). Changing the wrapping key, or the master
key, wraps the same data key anew: nothing that was sealed under it is written again.

A row that KMS wraps carries a MAC under the master key: whoever can only write the database cannot
put a data key there that they know too, and read what is sealed under it from then on.

What was sealed before there were data keys was so under keys derived from the master key itself.
These are known as the tenant's data key number 0, and wrapped like the other when the master key
changes.

Erasing a tenant destroys its data keys (`store.erasing`): what was sealed under them, in whatever
copies, is lost with them, and reading it says so.
"""

import base64
import hmac
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from affidavit.aws.kms import KeyService
from affidavit.aws.settings import AwsSettings, Bound
from affidavit.errors import StoreConflictError, StoreDamagedError, StoreSealedError
from affidavit.ledger.keys import KeyFolder
from affidavit.model.times import iso
from affidavit.store.bound_roles import roles_of
from affidavit.store.documents import Document, Documents
from affidavit.store.sealing import DataKeys, derive, from_data_key, seal, unseal

KIND: Final = "data_key"
ERASED: Final = "erased_key"
"""Kind of the documents that say which data keys were destroyed with their tenant."""
CURRENT: Final = "1"
OLDEST: Final = "0"
LOCAL: Final = "local"
SECONDS: Final = 300.0
"""How long an unwrapped key is kept in memory: one disabled or destroyed is refused by then."""
_KEY: Final = 32
_SIZES: Final = {CURRENT: _KEY, OLDEST: 2 * _KEY}
_NONCE: Final = 12


@dataclass(frozen=True, slots=True)
class _Held:
    keys: DataKeys
    until: float


class TenantKeyring:
    """The data keys of all tenants; safe to share between threads."""

    def __init__(
        self,
        documents: Documents,
        folder: KeyFolder,
        clock: Callable[[], datetime],
        aws: AwsSettings,
    ) -> None:
        self._documents = documents
        self._folder = folder
        self._clock = clock
        self.aws = aws
        """How KMS is reached."""
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
        """One a tenant: a KMS that is slow for one holds up no other."""
        self._held: dict[tuple[str, str], _Held] = {}
        self._refused: dict[tuple[str, str], StoreSealedError] | None = None

    @property
    def place(self) -> str:
        """Where the key folder lies on this server."""
        return str(self._folder.folder)

    @contextmanager
    def asked_once(self) -> Iterator[None]:
        """Meanwhile ask for a key that cannot be had once: who reads all would ask for each body.

        It holds for all who use this keyring.
        """
        self._refused = {}
        try:
            yield
        finally:
            self._refused = None

    def current(self, tenant: str) -> DataKeys:
        """Return the key that new things are sealed under, made on first use.

        Its row is looked at each time: another process may have erased the tenant since.
        """
        with self._locks[tenant]:
            document = self._documents.get(tenant, KIND, CURRENT) or self._made(tenant)
            held = self._remembered(tenant, CURRENT)
            if held is not None and held.id.hex() == document.body["id"]:
                return held
            return self._opened(tenant, document)

    def require(self, tenant: str) -> None:
        """Raise `StoreSealedError` where the key cannot be used, for what lies opened already."""
        if self._remembered(tenant, CURRENT) is None and self._documents.get(tenant, KIND, CURRENT):
            self.current(tenant)

    def named(self, tenant: str, key_id: bytes, where: str) -> DataKeys:
        """Return the key of an id; `StoreSealedError` where it cannot be had, or was destroyed.

        `StoreDamagedError` where there is none of this id: then what is sealed, and lies `where`,
        was altered, or written under another master key.
        """
        with self._locks[tenant]:
            for number in (CURRENT, OLDEST):
                held = self._remembered(tenant, number)
                if held is None:
                    document = self._documents.get(tenant, KIND, number)
                    if document is None or document.body["id"] != key_id.hex():
                        continue
                    held = self._opened(tenant, document)
                if held.id == key_id:
                    return held
            self._refuse_erased(tenant, key_id, where)
            oldest = self._derived(tenant)
        if oldest.id == key_id:
            return oldest
        raise StoreDamagedError(
            f"{where} is damaged",
            why=f"It says that it was sealed under the data key {key_id.hex()} of {tenant}, which "
            "is not known: it was altered, or written under another master key.",
            todo="Restore the database and the key folder (AFFIDAVIT_KEYS) that belong together.",
        )

    def forget(self, tenant: str) -> None:
        """Drop the keys of a tenant that was erased from memory."""
        with self._locks[tenant]:
            for number in (CURRENT, OLDEST):
                self._held.pop((tenant, number), None)

    def _refuse_erased(self, tenant: str, key_id: bytes, where: str) -> None:
        erased = self._documents.get(tenant, ERASED, key_id.hex())
        if erased is not None:
            raise StoreSealedError(
                f"{where} was erased",
                why=f"It was sealed under a data key of {tenant} that was destroyed with all that "
                f"the tenant had, at {erased.body['erasedAt']}.",
                todo="Nothing brings it back. The ledger verifies without it.",
            )

    def seal(self, tenant: str, purpose: str, data: bytes) -> bytes:
        """Return a tenant's small secret (a prompt, an answer) sealed for a purpose."""
        return seal(self.current(tenant), purpose, data)

    def unseal(self, tenant: str, purpose: str, sealed: bytes) -> bytes:
        """Return what `seal` sealed for this tenant and purpose.

        `StoreDamagedError` for anything else, `StoreSealedError` where the key cannot be used.
        """
        return unseal(lambda key: self.named(tenant, key, f"A sealed {purpose}"), purpose, sealed)

    def wrapped_by(self, tenant: str) -> str:
        """Return what wraps the tenant's data key: "local" or the ARN of a KMS key."""
        document = self._documents.get(tenant, KIND, CURRENT)
        return str(document.body["wrappedBy"]) if document is not None else LOCAL

    def rewrap(self, tenant: str, by: str) -> None:
        """Wrap the tenant's data key under another KMS key (ARN), or under the local master key.

        The old wrapping key must still work; `StoreSealedError` where either does not.
        """
        with self._locks[tenant]:
            document = self._documents.get(tenant, KIND, CURRENT) or self._made(tenant)
            key = self._unwrapped(tenant, document)
            body = {**document.body, **self._wrapping(tenant, key, by)}
            if by != LOCAL:
                body = self._vouched(tenant, document.id, body)
            put = replace(document, body=body)
            self._documents.act(tenant, now=self._clock(), puts=[put])
            self._held.pop((tenant, CURRENT), None)

    def change_master(self, tenants: list[str]) -> int:
        """Wrap every local data key under a new master key, and let go the old; return how many.

        Can be interrupted anywhere and run again: until its end both master keys are there.
        """
        with self._locks[""]:
            self._folder.prepare_next_master()
            known = {tenant for tenant, _ in self._documents.of_all_tenants(KIND)}
            for tenant in sorted({*known, *tenants}):
                if self._documents.get(tenant, KIND, OLDEST) is None and (
                    tenant in known or not self._documents.every(tenant, ERASED)
                ):
                    self._keep_oldest(tenant)
            done = 0
            for tenant, document in self._documents.of_all_tenants(KIND):
                if document.body["wrappedBy"] != LOCAL:
                    self._require_ours(tenant, document)
                    self._vouch(tenant, document)
                    continue
                key = self._unwrapped(tenant, document)
                wrapping = self._wrapping(tenant, key, LOCAL)
                put = replace(document, body={**document.body, **wrapping})
                self._documents.act(tenant, now=self._clock(), puts=[put])
                done += 1
            self._folder.adopt_next_master()
            self._held.clear()
        return done

    def vouch_again(self) -> int:
        """Vouch for rows that KMS wraps and a lost master key vouched for, as they are; count them.

        For after the master key was replaced: nobody can tell any more whether they were altered.
        """
        known = {name for name, _ in self._folder.masters()}
        found = [
            (tenant, document)
            for tenant, document in self._documents.of_all_tenants(KIND)
            if document.body["wrappedBy"] != LOCAL and document.body["master"] not in known
        ]
        for tenant, document in found:
            self._vouch(tenant, document)
        return len(found)

    def _vouch(self, tenant: str, document: Document) -> None:
        put = replace(document, body=self._vouched(tenant, document.id, document.body))
        self._documents.act(tenant, now=self._clock(), puts=[put])

    def _vouched(self, tenant: str, number: str, body: Mapping[str, Any]) -> dict[str, Any]:
        name, master = self._folder.masters()[-1]
        return {**body, "master": name, "mac": _mac(master, tenant, number, body)}

    def _require_ours(self, tenant: str, document: Document) -> None:
        """Raise `StoreSealedError` for a row that KMS wraps and that we did not write."""
        master = self._master(tenant, document.body["master"])
        known = _mac(master, tenant, document.id, document.body)
        if not hmac.compare_digest(known, str(document.body.get("mac", ""))):
            raise _altered(tenant)

    def _keep_oldest(self, tenant: str) -> None:
        oldest = self._derived(tenant)
        self._put(tenant, OLDEST, oldest.id, oldest.address + oldest.body)

    def oldest(self, tenant: str) -> DataKeys:
        """Return the tenant's data key number 0."""
        with self._locks[tenant]:
            held = self._remembered(tenant, OLDEST)
            if held is not None:
                return held
            document = self._documents.get(tenant, KIND, OLDEST)
            return self._derived(tenant) if document is None else self._opened(tenant, document)

    def _derived(self, tenant: str) -> DataKeys:
        """Return the data key number 0 as the master key gives it, until that is changed."""
        found = self._folder.tenant(tenant)
        return DataKeys(found.id, found.address, found.body, b"", b"")

    def _made(self, tenant: str) -> Document:
        """Make the tenant's data key; who comes second takes the first's."""
        key = secrets.token_bytes(_KEY)
        self._put(tenant, CURRENT, from_data_key(key).id, key)
        found = self._documents.get(tenant, KIND, CURRENT)
        if found is None:
            raise StoreConflictError(f"The data key of {tenant} was deleted as it was made")
        return found

    def _put(self, tenant: str, number: str, key_id: bytes, key: bytes) -> None:
        now = self._clock()
        body = {
            "id": key_id.hex(),
            "createdAt": iso(now),
            **self._wrapping(tenant, key, LOCAL),
        }
        try:
            document = Document(kind=KIND, id=number, sort=number, body=body)
            self._documents.act(tenant, now=now, puts=[document])
        except StoreConflictError:
            return

    def _remembered(self, tenant: str, number: str) -> DataKeys | None:
        held = self._held.get((tenant, number))
        if held is None or held.until < time.monotonic():
            return None
        return held.keys

    def _opened(self, tenant: str, document: Document) -> DataKeys:
        refused = self._refused
        if refused is None:
            return self._open(tenant, document)
        if (known := refused.get((tenant, document.id))) is not None:
            raise StoreSealedError(known.what, why=known.why, todo=known.todo)
        try:
            return self._open(tenant, document)
        except StoreSealedError as error:
            refused[tenant, document.id] = error
            raise

    def _open(self, tenant: str, document: Document) -> DataKeys:
        key = self._unwrapped(tenant, document)
        if len(key) != _SIZES.get(document.id):
            raise _altered(tenant)
        if document.id == CURRENT:
            keys = from_data_key(key)
        else:
            key_id = bytes.fromhex(document.body["id"])
            keys = DataKeys(key_id, key[:_KEY], key[_KEY:], b"", b"")
        if keys.id.hex() != document.body["id"]:  # what is sealed under it would not be found again
            raise _altered(tenant)
        self._held[tenant, document.id] = _Held(keys, time.monotonic() + SECONDS)
        return keys

    def _wrapping(self, tenant: str, key: bytes, by: str) -> dict[str, Any]:
        if by == LOCAL:
            name, master = self._folder.masters()[-1]
            wrapping, sealed = _local_key(master, tenant), b""
        else:
            name = ""
            service = self._service(tenant)
            try:
                wrapping, sealed = service.generate(by)
            finally:
                service.close()
        nonce = secrets.token_bytes(_NONCE)
        wrapped = nonce + AESGCM(wrapping).encrypt(nonce, key, tenant.encode())
        return {
            "wrappedBy": by,
            "master": name,
            "wrappingKey": base64.b64encode(sealed).decode(),
            "wrapped": base64.b64encode(wrapped).decode(),
        }

    def _unwrapped(self, tenant: str, document: Document) -> bytes:
        body = document.body
        wrapped = base64.b64decode(body["wrapped"])
        if body["wrappedBy"] == LOCAL:
            wrapping = _local_key(self._master(tenant, body["master"]), tenant)
        else:
            self._require_ours(tenant, document)
            service = self._service(tenant)
            try:
                sealed = base64.b64decode(body["wrappingKey"])
                wrapping = service.decrypt(body["wrappedBy"], sealed)
            finally:
                service.close()
        try:
            return AESGCM(wrapping).decrypt(wrapped[:_NONCE], wrapped[_NONCE:], tenant.encode())
        except (InvalidTag, ValueError) as error:
            raise _altered(tenant) from error

    def _master(self, tenant: str, name: str) -> bytes:
        for known, master in self._folder.masters():
            if hmac.compare_digest(known, name):
                return master
        raise StoreSealedError(
            f"The data key of {tenant} cannot be unwrapped",
            why=f"It was wrapped under the master key {name}, which is not in the key folder.",
            todo=f"Restore {self.place} from a backup. The ledger verifies without it.",
        )

    def _service(self, tenant: str) -> KeyService:
        region = tenant.partition("/")[2]
        bound = Bound(tenant=tenant, roles=roles_of(self._documents, tenant))
        return KeyService(replace(self.aws, region=region, bound=bound), tenant)


def _mac(master: bytes, tenant: str, number: str, body: Mapping[str, Any]) -> str:
    """Return the MAC of a row that KMS wraps: of all that decides which key comes out of it."""
    said = [body[name] for name in ("id", "wrappedBy", "wrappingKey", "wrapped")]
    key = derive(master, f"vouches for the data key\n{tenant}\n{number}")
    return derive(key, "\n".join(said)).hex()


def _altered(tenant: str) -> StoreSealedError:
    return StoreSealedError(
        f"The data key of {tenant} cannot be unwrapped",
        why="Its row was altered, or belongs to another key.",
        todo="Restore the database from a backup.",
    )


def _local_key(master: bytes, tenant: str) -> bytes:
    return derive(master, f"wraps the data key\n{tenant}")
