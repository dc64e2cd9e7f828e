"""Data keys that a KMS key wraps: whose rows are believed, and what a refused key costs."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from moto.server import ThreadedMotoServer

from affidavit.aws.kms import KeyService
from affidavit.aws.settings import AwsSettings
from affidavit.errors import StoreSealedError
from affidavit.ledger.keys import MASTER
from affidavit.settings import Settings
from affidavit.store import Store, open_store
from affidavit.store.bound_roles import BINDINGS
from affidavit.store.documents import Document
from affidavit.store.sealing import from_data_key
from affidavit.store.tenant_keys import CURRENT, KIND, OLDEST

REGION = "us-east-1"
MOTO = f"123456789012/{REGION}"
"""Tenant of the account that moto is."""
ALTERED = "cannot be unwrapped"


@pytest.fixture(scope="module")
def kms() -> Iterator[tuple[AwsSettings, list[str]]]:
    """Run a KMS with two keys; one may be an attacker's, whose policy lets everybody in."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    aws = AwsSettings(
        endpoint_url=f"http://{host}:{port}", access_key="test", secret_key="test", region=REGION
    )
    client = boto3.client(
        "kms", region_name=REGION, endpoint_url=aws.endpoint_url,
        aws_access_key_id="test", aws_secret_access_key="test",
    )  # fmt: skip
    yield aws, [client.create_key()["KeyMetadata"]["Arn"] for _ in range(2)]
    server.stop()


def _row(store: Store, number: str = CURRENT, tenant: str = MOTO) -> Document:
    found = store.documents.get(tenant, KIND, number)
    assert found is not None
    return found


def _bind(store: Store) -> None:
    account = MOTO.partition("/")[0]
    role = {"roleArn": f"arn:aws:iam::{account}:role/Affidavit", "sessionTags": False}
    body = {"externalId": "x" * 32, "accounts": {account: role}}
    put = Document(kind=BINDINGS[1], id=MOTO, body=body)
    store.documents.act(BINDINGS[0], now=datetime.now(UTC), puts=[put])


def _put(store: Store, document: Document, **body: Any) -> None:
    put = replace(document, body={**document.body, **body})
    store.documents.act(MOTO, now=datetime.now(UTC), puts=[put])


def test_a_data_key_that_was_put_into_the_database_is_refused(
    sqlite_settings: Settings, kms: tuple[AwsSettings, list[str]]
) -> None:
    """Who can write the database only cannot have things sealed under a key of their own."""
    aws, (own, other) = kms
    with open_store(sqlite_settings, aws=aws) as store:
        _bind(store)
        store.keyring.rewrap(MOTO, own)
        good = _row(store).body
    with open_store(sqlite_settings, aws=aws) as store:
        key = store.keyring.current(MOTO)
        service = store.keyring._service(MOTO)
        wrapping, sealed = service.generate(other)
        service.close()
        forged = b"f" * 32
        wrapped = b"n" * 12 + AESGCM(wrapping).encrypt(b"n" * 12, forged, MOTO.encode())
        _put(
            store, _row(store), id=from_data_key(forged).id.hex(), wrappedBy=other,
            wrappingKey=b64encode(sealed).decode(), wrapped=b64encode(wrapped).decode(),
        )  # fmt: skip
    with open_store(sqlite_settings, aws=aws) as store:
        with pytest.raises(StoreSealedError, match=ALTERED):
            store.keyring.current(MOTO)
        with pytest.raises(StoreSealedError, match=ALTERED):
            store.keyring.change_master([])
        _put(store, _row(store), **good)
        assert store.keyring.current(MOTO) == key
        store.keyring.change_master([])
    with open_store(sqlite_settings, aws=aws) as store:
        assert store.keyring.current(MOTO) == key


def test_a_lost_master_key_loses_no_key_of_kms(
    sqlite_settings: Settings, kms: tuple[AwsSettings, list[str]]
) -> None:
    """After it was replaced by hand, what KMS wraps is opened again, and not before."""
    aws, (own, _) = kms
    with open_store(sqlite_settings, aws=aws) as store:
        _bind(store)
        store.keyring.rewrap(MOTO, own)
        key = store.keyring.current(MOTO)
        store.keys.signer()
    (sqlite_settings.keys / MASTER).unlink()
    (sqlite_settings.keys / MASTER).write_text("ab" * 32)
    (sqlite_settings.keys / MASTER).chmod(0o600)
    with open_store(sqlite_settings, aws=aws) as store:
        with pytest.raises(StoreSealedError, match=ALTERED):
            store.keyring.current(MOTO)
        assert store.keyring.vouch_again() == 1
        assert store.keyring.vouch_again() == 0
        assert store.keyring.current(MOTO) == key


def test_verifying_asks_for_a_refused_key_once(
    sqlite_settings: Settings,
    sample: Any,
    kms: tuple[AwsSettings, list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many bodies a key of KMS keeps closed: one request, and one line with what to do."""
    aws, (own, _) = kms
    with open_store(sqlite_settings, aws=aws) as store:
        _bind(store)
        store.keyring.rewrap(MOTO, own)
        assessment = sample.assessment(tenant=MOTO)
        store.create_assessment(assessment, "auditor")
        run = store.begin_run(assessment, sample.day, "c" * 64, sample.now)
        store.put_results(run.run_id, [sample.observation(number) for number in range(3)])
        sample.finish(store, assessment, run, 10)
        assert [one.unopened for one in store.verify_content()] == [0]
        bound = store.documents.get(*BINDINGS, MOTO)
        store.documents.act(BINDINGS[0], now=datetime.now(UTC), deletes=[bound])
    asked: list[str] = []
    decrypt = KeyService.decrypt

    def counted(service: KeyService, key: str, wrapped: bytes) -> bytes:
        asked.append(key)
        return decrypt(service, key, wrapped)

    monkeypatch.setattr(KeyService, "decrypt", counted)
    with open_store(sqlite_settings, aws=aws) as store:
        (content,) = store.verify_content()
        assert (content.unopened, content.damages, len(asked)) == (3, (), 1)
        assert own in content.why_unopened
        assert "key policy or grant" in content.why_unopened
        with pytest.raises(StoreSealedError):
            store.keyring.current(MOTO)
        assert len(asked) == 2  # only whoever reads all takes the first answer for the rest


def test_rows_of_data_keys_cannot_change_places(sqlite_settings: Settings) -> None:
    """Key 1 in the place of key 0 would leave an empty key for secrets: it is refused."""
    with open_store(sqlite_settings) as store:
        store.keyring.current(MOTO)
        row = _row(store)
        put = replace(row, id=OLDEST, version=0)
        store.documents.act(MOTO, now=datetime.now(UTC), puts=[put])
    with open_store(sqlite_settings) as store, pytest.raises(StoreSealedError, match=ALTERED):
        store.keyring.oldest(MOTO)
