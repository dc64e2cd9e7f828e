"""Erasing an account leaves nothing of it behind but what is named, with the reason."""

import json
from typing import Any

import pytest
import sqlalchemy as sa

from affidavit.operations import access_keys, export_requests, log_watches, scheduler, tasks, work
from affidavit.operations.erasing import KEPT_KINDS
from affidavit.operations.log_watches import Watch
from affidavit.store import todos
from affidavit.store.documents import Document
from affidavit.store.erasing import KEPT_TABLES
from affidavit.store.schema import metadata

KINDS = (
    *("alert", "alert_channel", "alert_proof", "assessment_report", "canary", "canary_run"),
    *("catalogue", "change_log", "control", "framework", "framework_share", "known_browser"),
    *("manual_evidence", "notification", "prompt_raw", "prompt_run", "retention", "selection"),
    *("settings", "source_runs", "upload", "a_kind_that_comes_later"),
)


def _rows(owner: Any, assessment_id: str) -> dict[str, list[Any]]:
    """Return the rows of each table that belong to the owner's tenant, however they tell."""
    store, tenant = owner.context.store, owner.caller.tenant
    found: dict[str, list[Any]] = {}
    with store._database.read() as connection:
        runs = list(connection.scalars(sa.select(metadata.tables["run"].c.id)))
        whose = {"tenant": [tenant], "assessment_id": [assessment_id], "run_id": runs}
        for name, table in metadata.tables.items():
            told = [one for one in whose if one in table.c]
            assert told, f"the table {name} does not tell whose its rows are: teach this test"
            mine = table.c[told[0]].in_(whose[told[0]])
            found[name] = list(connection.execute(sa.select(table).where(mine)))
    return found


def _fill(owner: Any, collected: Any) -> None:
    """Put something of the tenant into every table and folder."""
    store, tenant = owner.context.store, owner.caller.tenant
    collected.run()
    watch = Watch(tenant=tenant, account_id="111122223333", region="us-east-1")
    log_watches.add(store, watch, by="me")
    store.documents.scanned.listed(tenant, watch.name, [("s3://logs/secret.gz", 9)], owner.clock())
    with store.attachments.new(tenant) as new:
        new.write(b"minutes of a meeting")
        new.close()
    export = Document(kind="evidence_export", id="e1", body={"requestedBy": "me", "expiresAt": ""})
    store.documents.act(tenant, now=owner.clock(), puts=[export])
    folder = export_requests.folder_of(owner.context, export)
    folder.mkdir(parents=True)
    (folder / "half.csv").write_text("resource")
    report = owner.context.settings.home / "r.zip"
    report.write_bytes(b"PK")
    store.attachments.keep_report(tenant, "r1", report)
    with store._database.write() as connection:
        todos.leave(connection, todos.REMOVE, tenant, [f"{tenant}/blobs/00/none"])
        # Answers of the run: the sample runs of these tests ask nothing.
        run = connection.scalar(sa.select(metadata.tables["run"].c.id))
        given = {"unit_id": "u", "digest": "d", "body": "{}", "blob": ""}
        connection.execute(metadata.tables["result"].insert().values(run_id=run, **given))
    for account in (owner.caller.account_id, "999999999999"):
        arn = f"arn:aws:iam::{account}:role/R"
        access_keys.add(store, account_id=account, principal_arn=arn, role="owner", by="me")


@pytest.fixture
def erased(owner: Any, admin: Any, collected: Any, a_control: Any) -> Any:
    """Fill every table, deregister the account with the policy ALL, and let a week pass."""
    a_control("Mine")
    _fill(owner, collected)
    empty = [name for name, rows in _rows(owner, collected.assessment.id).items() if not rows]
    assert empty == [], "a new table: fill it here, and see that erasing empties it"
    admin("UpdateSettings", deregistrationPolicy={"deleteResources": "ALL"})
    admin("DeregisterAccount")
    owner.clock.forward(days=8)
    assert scheduler.schedule(owner.context) == 1
    for kind in KINDS:  # only now: nobody else can read such documents
        put = Document(kind=kind, id="x", body={"why": f"secret of {kind}"})
        owner.context.store.documents.act(owner.caller.tenant, now=owner.clock(), puts=[put])
    while tasks.run_one(owner.context):
        pass
    return owner


def test_no_table_keeps_rows_of_an_erased_tenant(erased: Any, collected: Any) -> None:
    """Every table of the schema is empty of it, or named among those that stay."""
    left = {name for name, rows in _rows(erased, collected.assessment.id).items() if rows}
    assert left <= KEPT_TABLES.keys()


def test_what_stays_holds_nothing_of_it(erased: Any, collected: Any) -> None:
    """Documents of kept kinds only, assessments without their contents, no open to-do.

    And the entry of the change log that tells of the erasure itself.
    """
    rows = _rows(erased, collected.assessment.id)
    (told,) = [json.loads(row.body) for row in rows["document"] if row.kind == "change_log"]
    assert (told["action"], told["objectType"]) == ("DELETE", "ACCOUNT")
    assert {row.kind for row in rows["document"]} - {"change_log"} <= KEPT_KINDS.keys()
    assert "secret" not in "".join(row.body for row in rows["document"])
    assert all(json.loads(row.body).keys() == {"id", "deleted_at"} for row in rows["assessment"])
    assert all(row.done_at for row in rows["todo"])
    assert {row.holder for row in rows["run"]} == {""}


def test_no_object_stays_but_the_ledger(erased: Any) -> None:
    """Of the tenant's folder only the published log is left, and the ledger verifies."""
    store, tenant = erased.context.store, erased.caller.tenant
    left = [path for path in (store.objects / tenant).rglob("*") if path.is_file()]
    assert {path.relative_to(store.objects / tenant).parts[0] for path in left} <= {"log"}
    assert list(erased.context.settings.home.rglob("half.csv")) == []
    store.sign_checkpoint(tenant)
    assert store.verify(tenants=[tenant])[0].deleted == 12
    assert store.documents.every(tenant, work.KIND) == []


def test_access_keys_go_with_the_last_region(erased: Any) -> None:
    """The account's keys are gone; those of another account stay."""
    accounts = {one.account_id for one in access_keys.every(erased.context.store)}
    assert erased.caller.account_id not in accounts
    assert "999999999999" in accounts


def test_an_account_that_returns_counts_as_there(erased: Any, admin: Any) -> None:
    """After an erased account registers again, nothing says that it is deleted.

    Else erasing another Region of it would take the access keys that this one needs.
    """
    documents, tenant = erased.context.store.documents, erased.caller.tenant
    assert "_deletedAt" in documents.get(tenant, "account", "account").body
    admin("RegisterAccount")
    assert "_deletedAt" not in documents.get(tenant, "account", "account").body
