"""Access keys: secrets shown once, kept encrypted, and the commands for them."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from affidavit.cli import main
from affidavit.errors import SigningKeyError, UsageError
from affidavit.operations import access_keys
from affidavit.settings import Settings
from affidavit.store import open_store

ACCOUNT = "111122223333"
PRINCIPAL = f"arn:aws:iam::{ACCOUNT}:role/AuditOwner"


def _add(store: Any, **members: Any) -> access_keys.AccessKey:
    wanted = {"account_id": ACCOUNT, "principal_arn": PRINCIPAL, "role": "owner", "by": "me"}
    return access_keys.add(store, **(wanted | members))


def test_a_key_is_found_with_its_secret(installation: Any) -> None:
    """The door gets what was made; an unknown id gets nothing."""
    store = installation.context.store
    made = _add(store, role="delegate")
    found = access_keys.Lookup(store)(made.access_key_id)
    assert found == made
    assert (len(made.access_key_id), len(made.secret)) == (20, 40)
    assert made.secret not in repr(made)
    assert access_keys.Lookup(store)("AFDVNOBODYNOBODYNOBO") is None


def test_the_secret_is_nowhere_in_the_data(tmp_path: Path) -> None:
    """Neither database nor ledger holds it, and lists do not show it."""
    settings = Settings(home=tmp_path / "home", keys=tmp_path / "keys")
    with open_store(settings) as store:
        made = _add(store)
        assert [key.secret for key in access_keys.every(store)] == [""]
    for file in (tmp_path / "home").rglob("*"):
        if file.is_file():
            assert made.secret.encode() not in file.read_bytes()


def test_a_copied_database_does_not_sign(tmp_path: Path) -> None:
    """Under another master key the secret cannot be read, and the error says what to do."""
    settings = Settings(home=tmp_path / "home", keys=tmp_path / "keys")
    with open_store(settings) as store:
        made = _add(store)
    shutil.rmtree(tmp_path / "keys")
    with open_store(settings) as store, pytest.raises(SigningKeyError, match="another master key"):
        access_keys.Lookup(store)(made.access_key_id)


def test_a_sealed_secret_is_of_one_key(installation: Any) -> None:
    """A secret moved to another access key's row is refused."""
    store = installation.context.store
    first, second = _add(store), _add(store)
    documents = store.documents
    wanted = documents.get(access_keys.TENANT, "access_key", first.access_key_id)
    taken = documents.get(access_keys.TENANT, "access_key", second.access_key_id)
    body = taken.body | {"_secret": wanted.body["_secret"]}
    changed = type(taken)(
        kind=taken.kind, id=taken.id, sort=taken.sort, version=taken.version, body=body
    )
    documents.act(access_keys.TENANT, now=installation.clock(), puts=[changed])
    with pytest.raises(SigningKeyError):
        access_keys.Lookup(store)(second.access_key_id)


def test_a_kept_secret_is_no_longer_good_than_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another process disables or deletes counts at once; after five minutes it is opened."""
    settings = Settings(home=tmp_path / "home", keys=tmp_path / "keys")
    opened, time = [], [0.0]
    real = access_keys._opened

    def counted(*given: Any) -> str:
        opened.append(given)
        return real(*given)

    monkeypatch.setattr(access_keys, "_opened", counted)
    with open_store(settings) as store, open_store(settings) as other:
        first, second = _add(store), _add(store)
        find = access_keys.Lookup(store, lambda: time[0])
        assert [find(first.access_key_id) for _ in range(3)] == [first] * 3
        assert find(second.access_key_id) == second
        assert len(opened) == 2
        time[0] = 300.0
        assert find(first.access_key_id) == first
        assert len(opened) == 3
        access_keys.disable(other, first.access_key_id, by="me")
        found = find(first.access_key_id)
        assert found is not None
        assert found.disabled
        access_keys.forget(other, ACCOUNT, by="me")
        assert [find(one.access_key_id) for one in (first, second)] == [None, None]


def test_a_disabled_key_says_so(installation: Any) -> None:
    """Disabling holds, twice is once, and an unknown key is an error."""
    store = installation.context.store
    made = _add(store)
    for _ in range(2):
        assert access_keys.disable(store, made.access_key_id, by="me").disabled
    found = access_keys.Lookup(store)(made.access_key_id)
    assert found is not None
    assert found.disabled
    with pytest.raises(UsageError, match="no access key"):
        access_keys.disable(store, "AFDVNOBODYNOBODYNOBO", by="me")
    size = store.log(access_keys.TENANT).size
    told = [record["action"] for _, record in store.records_between(access_keys.TENANT, 0, size)]
    assert told == ["CREATE", "INACTIVE"]


@pytest.mark.parametrize(
    "members",
    [
        {"account_id": "1234"},
        {"account_id": "111122223333\n"},
        {"principal_arn": "AuditOwner"},
        {"principal_arn": "arn:aws:iam::444455556666:role/x"},
        {"principal_arn": PRINCIPAL + "\nx"},
        {"role": "root"},
    ],
)
def test_a_key_is_of_an_account_a_principal_and_a_role(
    installation: Any, members: dict[str, str]
) -> None:
    """What cannot be one is refused, above all a principal of another account."""
    with pytest.raises(UsageError):
        _add(installation.context.store, **members)
    assert access_keys.every(installation.context.store) == []


@pytest.fixture
def affidavit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the command line with a home and a key folder of its own."""
    monkeypatch.setenv("AFFIDAVIT_KEYS", str(tmp_path / "keys"))

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(main, ["--home", str(tmp_path / "home"), "key", *arguments])

    return run


def test_the_command_shows_a_secret_once(affidavit: Any) -> None:
    """`key add` prints what a client needs; `key list` shows the key and not the secret."""
    assert json.loads(affidavit("list", "--json").stdout)["accessKeys"] == []
    arguments = ("--account", ACCOUNT, "--principal", PRINCIPAL, "--role", "auditor")
    made = json.loads(affidavit("add", *arguments, "--json").stdout)
    assert {"accessKeyId", "secretAccessKey"} <= made.keys()
    shown = affidavit("list", "--json").stdout
    assert made["secretAccessKey"] not in shown
    (listed,) = json.loads(shown)["accessKeys"]
    assert (listed["role"], listed["disabled"]) == ("auditor", False)
    assert affidavit("disable", made["accessKeyId"]).exit_code == 0
    assert f"{made['accessKeyId']}  disabled  auditor  {PRINCIPAL}" in affidavit("list").stdout


def test_the_command_prints_for_a_shell(affidavit: Any) -> None:
    """Without --json the lines can be sourced."""
    lines = affidavit("add", "--account", ACCOUNT, "--principal", PRINCIPAL).stdout.splitlines()
    assert [line.partition("=")[0] for line in lines] == [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    ]
