"""Whatever the ledger names by digest is read again, and all that is damaged is named."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from affidavit.model.run import Assessment
from affidavit.store import Document, Store
from affidavit.store.schema import result


@pytest.fixture
def collected(store: Store, assessment: Assessment, sample: Any) -> Assessment:
    """Give an assessment with two committed runs and two pieces of manual evidence."""
    for answers in (range(4), range(2, 6)):
        run = store.begin_run(assessment, sample.day, "c" * 64, sample.now)
        results = [sample.observation(number) for number in answers]
        store.put_results(run.run_id, [*results, sample.gap(9)])
        sample.finish(store, assessment, run, 12)
    with store.attachments.new(assessment.tenant) as new:
        new.write(b"minutes of the board")
        digest = new.close()
    text = sha256(b"we talked").hexdigest()
    items = [
        {"id": "f", "fileName": "minutes.txt", "sha256": digest},
        {"id": "t", "sha256": text},
    ]
    body = {"textResponse": "we talked", "sha256": text}
    store.documents.act(
        assessment.tenant,
        now=assessment.created_at,
        puts=[Document(kind="manual_evidence", id="t", body=body)],
        changes=[
            {
                "kind": "change",
                "action": "IMPORT_EVIDENCE",
                "details": json.dumps({"manualEvidence": items}),
            }
        ],
    )
    return assessment


def blobs(store: Store) -> list[Path]:
    """Return the files of all bodies."""
    return sorted(store.objects.glob("*/*/blobs/*/*"))


def damages(store: Store, assessment: Assessment) -> list[str]:
    """Return all that is found damaged, in words."""
    (found,) = store.verify_content(tenants=[assessment.tenant])
    return [f"{one.what}: {one.why}" for one in found.damages]


def test_all_holds(store: Store, collected: Assessment) -> None:
    """An untouched store has no damage, and progress is told to the end."""
    seen: list[tuple[int, int]] = []
    (found,) = store.verify_content(lambda done, total: seen.append((done, total)))
    assert not found.damages
    assert found.answers == 10
    assert (found.blobs, found.attachments) == (len(blobs(store)), 2)
    assert seen[-1] == (found.answers + 2, found.answers + 2)
    assert collected.tenant == found.tenant


def test_all_damage_is_named(store: Store, collected: Assessment) -> None:
    """A missing blob, an altered one, a missing file and a changed text are all named at once."""
    gone, altered, *_ = blobs(store)
    gone.unlink()
    data = bytearray(altered.read_bytes())
    data[-1] ^= 1
    altered.write_bytes(data)
    (file,) = store.objects.glob("*/*/attachments/*")
    file.unlink()
    (text,) = store.documents.every(collected.tenant, "manual_evidence")
    with store._database.write() as connection:
        connection.execute(sa.text("UPDATE document SET body = replace(body, 'talked', 'agreed')"))
    assert text.id == "t"
    found = "\n".join(damages(store, collected))
    for words in (f"{gone} is gone. It was stored", f"{altered} is damaged. Its contents"):
        assert words in found
    assert f"The file of manual evidence f: The attached file {file} is gone" in found
    assert "The text of manual evidence t: Its SHA-256 is not the ledger's" in found


def test_altered_file(store: Store, collected: Assessment) -> None:
    """An attached file whose content changed is named with its path."""
    (file,) = store.objects.glob("*/*/attachments/*")
    file.write_bytes(b"minutes of another board")
    assert damages(store, collected) == [
        f"The file of manual evidence f: {file} is damaged. It is not one of our sealed files."
    ]


def test_altered_and_dropped_rows(store: Store, collected: Assessment) -> None:
    """A changed row is not its digest, and a run whose row is gone lacks an answer."""
    with store._database.write() as connection:
        first, second, *_ = connection.execute(sa.select(result).order_by(result.c.digest)).all()
        mine = (result.c.run_id == first.run_id) & (result.c.unit_id == first.unit_id)
        connection.execute(result.update().where(mine).values(body='{"kind":"gap"}'))
        other = (result.c.run_id == second.run_id) & (result.c.unit_id == second.unit_id)
        connection.execute(result.delete().where(other))
    found = "\n".join(damages(store, collected))
    assert f"The answer {first.digest} of run {first.run_id}: Its digest is now" in found
    assert f"The answers of run {second.run_id}: The ledger committed to" in found


def test_swapped_bodies(store: Store, collected: Assessment) -> None:
    """A row that points to another answer's body is named, though that body is whole."""
    with store._database.write() as connection:
        rows = connection.execute(sa.select(result).where(result.c.blob != "")).all()
        first, second = next((a, b) for a in rows for b in rows if a.blob != b.blob)
        mine = (result.c.run_id == first.run_id) & (result.c.unit_id == first.unit_id)
        connection.execute(result.update().where(mine).values(blob=second.blob))
    assert any(
        f"{first.digest}" in one and "not the one observed" in one
        for one in damages(store, collected)
    )


def test_files_of_before_are_read(store: Store, collected: Assessment) -> None:
    """A file that was attached before files were sealed is read in clear, verified and removed."""
    plain = b"minutes of an earlier board"
    digest = sha256(plain).hexdigest()
    (sealed,) = store.objects.glob("*/*/attachments/*")
    file = sealed.with_name(digest)
    file.write_bytes(plain)
    details = json.dumps({"id": "old", "sha256": digest})
    change = {"kind": "change", "action": "IMPORT_EVIDENCE", "details": details}
    store.append_record(collected.tenant, change)
    assert b"".join(store.attachments.parts(collected.tenant, digest)) == plain
    assert damages(store, collected) == []
    file.write_bytes(plain + b"!")
    assert damages(store, collected) == [
        f"The file of manual evidence old: {file} was altered: its SHA-256 is not the ledger's."
    ]
    files = store.attachments.given_up(collected.tenant, [digest])
    store.documents.act(collected.tenant, now=collected.created_at, given_up=files)
    store.attachments.remove_given_up(files)
    assert not file.exists()


def test_what_the_ledger_says_was_deleted_is_not_damaged(
    store: Store, collected: Assessment
) -> None:
    """After retention the answers of those runs are gone, and nothing is damaged."""
    store.delete_evidence(collected.tenant, collected.id, by="me", why="age")
    (content,) = store.verify_content(tenants=[collected.tenant])
    assert (content.answers, content.damages) == (0, ())
    assert content.deleted


def _take_away(store: Store, collected: Assessment, **said: str) -> None:
    """Take a text out of the database, and log a deletion if there is one."""
    (text,) = store.documents.every(collected.tenant, "manual_evidence")
    change = {"kind": "change", "action": "DELETE", "details": "{}", **said}
    store.documents.act(
        collected.tenant,
        now=collected.created_at,
        deletes=[text],
        changes=[change] if said else [],
    )


def test_a_text_that_is_gone_is_damage(store: Store, collected: Assessment) -> None:
    """Nobody takes a text out of the database and calls it a deletion: the ledger knows of none."""
    _take_away(store, collected)
    (found,) = damages(store, collected)
    assert found.startswith("The text of manual evidence t: It is gone")


def test_what_went_with_its_account_is_not_damaged(store: Store, collected: Assessment) -> None:
    """The account was deleted, and what it had added until then with it; what comes later is not.

    Its file is another matter: it lies where it was.
    """
    _take_away(store, collected, object_type="ACCOUNT", object_id="1")
    (content,) = store.verify_content(tenants=[collected.tenant])
    assert (content.deleted, content.damages) == (1, ())
    again = {"id": "u", "sha256": "d" * 64}
    change = {
        "kind": "change",
        "action": "IMPORT_EVIDENCE",
        "details": json.dumps({"manualEvidence": [again]}),
    }
    store.documents.act(collected.tenant, now=collected.created_at, changes=[change])
    (found,) = damages(store, collected)
    assert found.startswith("The text of manual evidence u: It is gone")
