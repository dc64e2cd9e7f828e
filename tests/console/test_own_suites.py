"""Suites of prompts that people bring: kept by version, run, used by canaries, taken away again."""

from typing import Any

import pytest
from tests.console.conftest import TENANT, Installation
from tests.console.test_prompt_setup import ASKED, CANARY, bound, estate

from affidavit.operations import canaries, own_suites, prompt_jobs
from affidavit.prompts import suite as suites

__all__ = ["bound", "estate"]
"""Fixtures."""
CAPITALS = """id: capitals
description: Capitals of countries
prompts: ['What is the capital of {{country}}?']
tests:
  - vars: {country: France}
    assert: [{type: contains, value: Paris}]
"""
EVALUATION = '{"prompt": "What is the capital of France?", "referenceResponse": "Paris"}\n'


def bring(client: Any, name: str, content: str | bytes, assertions: str = "") -> Any:
    """Send a file by the form."""
    data = content.encode() if isinstance(content, str) else content
    return client.post(
        "/console/prompts/suites/new",
        files={"file": (name, data)},
        data={"assertions": assertions},
    )


def test_each_upload_is_a_version_with_its_digest(fresh: Installation) -> None:
    """The newest counts, all can be downloaded as they came; the same file is no new version."""
    olga, second = fresh.client("olga"), CAPITALS.replace("country: France", "country: 'la France'")
    assert "This is its newest version" in bring(olga, "mine.yaml", CAPITALS).text
    bring(olga, "mine.yaml", second)
    page = bring(olga, "again.yaml", second).text
    kept = own_suites.versions(fresh.store, TENANT, "capitals")
    assert [one.body["number"] for one in kept] == [1, 2]
    assert kept[0].body["digest"] != kept[1].body["digest"]
    assert kept[1].body["digest"][:12] in page
    assert "What is the capital of la France?" in page
    assert "names it" in page
    for number, content in ((1, CAPITALS), (2, second)):
        answer = olga.get(f"/console/prompts/suites/capitals/versions/{number}")
        assert answer.text == content
        assert answer.headers["content-disposition"].startswith("attachment")
    for other in ("3", "9" * 5_000):
        assert olga.get(f"/console/prompts/suites/capitals/versions/{other}").status_code == 404
    assert olga.get(f"/console/prompts/suites/capitals?from={'9' * 5_000}").status_code == 200
    assert "yours, version 2" in olga.get("/console/prompts").text
    assert ">capitals (1)<" in olga.get("/console/prompts/new").text


def test_of_two_that_bring_a_version_at_once_one_is_told_so(
    fresh: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no failure of the server's, and nothing is kept of the second."""
    olga = fresh.client("olga")
    bring(olga, "mine.yaml", CAPITALS)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(own_suites, "versions", lambda *_: [])
        refused = bring(olga, "mine.yaml", CAPITALS.replace("France", "la France"))
    assert refused.status_code == 409
    assert "changed by somebody else" in refused.text
    assert len(own_suites.versions(fresh.store, TENANT, "capitals")) == 1


def test_evaluation_files_and_csv_are_suites_too(fresh: Installation) -> None:
    """Judged by word-f1 against the reference, unless assertions are named."""
    olga = fresh.client("olga")
    assert ">word-f1<" in bring(olga, "C:\\data\\eval.jsonl", EVALUATION).text
    assert ">contains<" in bring(olga, "eval.jsonl", EVALUATION, "contains").text
    page = bring(olga, "table.csv", "prompt,assertion,value\nSay yes,contains,yes\n").text
    assert "Say yes" in page
    names = [one.body["suite"] for one in own_suites.newest(fresh.store, TENANT)]
    assert names == ["eval", "table"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.yaml", CAPITALS.replace("type: contains", "type: wise"), "a.yaml:6"),
        ("a.yaml", CAPITALS.replace("country: France", "country: '{{country}}'"), "each other"),
        ("a.yaml", "id: !!python/object/apply:os.system [id]", "a.yaml:1"),
        ("a.yaml", b"\xff\xfe", "not UTF-8"),
        ("a.jsonl", EVALUATION + "{\n", "a.jsonl:2"),
        ("a.csv", "prompt\nx\n", "prove nothing"),
        ("refusal.yaml", CAPITALS.replace("id: capitals", "id: refusal"), "keep their ids"),
        ("new.csv", "prompt,assertion,value\na,contains,a\n", "keep their ids"),
        ("a.txt", CAPITALS, "ends in"),
    ],
)
def test_what_is_no_suite_is_refused_with_its_line(
    fresh: Installation, name: str, content: str | bytes, said: str
) -> None:
    """Nothing of it is kept, no file either; what is wrong stands on the page."""
    answer = bring(fresh.client("olga"), name, content)
    assert answer.status_code == 422
    assert said in answer.text
    assert own_suites.newest(fresh.store, TENANT) == []


def test_only_owners_bring_suites(fresh: Installation) -> None:
    """An auditor may read one; nobody but an owner brings or deletes one."""
    bring(fresh.client("olga"), "mine.yaml", CAPITALS)
    path = "/console/prompts/suites/capitals"
    for client in (fresh.client("arthur"), fresh.client("dora"), fresh.client("olga", "admin")):
        assert bring(client, "other.yaml", CAPITALS).status_code == 403
        assert client.post(f"{path}/delete", data={"confirm": "capitals"}).status_code == 403
    assert fresh.client("arthur").get(f"{path}/versions/1").status_code == 200
    assert fresh.client("dora").get(f"{path}/versions/1").status_code == 403
    assert len(own_suites.newest(fresh.store, TENANT)) == 1


def test_an_own_suite_runs_and_says_that_it_is_none_of_ours(bound: Installation) -> None:
    """Its run has its digest and is marked as not shipped."""
    olga = bound.client("olga")
    bring(olga, "mine.yaml", CAPITALS)
    olga.post("/console/prompts/new", params={**ASKED, "suite": "capitals"})
    bound.work()
    job = bound.store.documents.every(TENANT, prompt_jobs.KIND, newest_first=True)[0].body
    assert (job["status"], job["passed"]) == ("COMPLETE", 1)
    kept = bound.store.documents.get(TENANT, "prompt_run", job["runId"])
    assert kept is not None
    assert kept.body["run"]["shipped"] is False
    assert kept.body["run"]["suiteDigest"] == suites.from_yaml(CAPITALS.encode(), "x").digest
    page = olga.get(f"/console/prompts/{job['runId']}").text
    assert "The suite is not a shipped one" in page


def test_a_suite_goes_once_no_canary_uses_it(bound: Installation) -> None:
    """A canary asks the newest version; until it is deleted the suite stays."""
    bound.time = bound.time.replace(year=2027)  # canaries are added by the real clock
    olga, path = bound.client("olga"), "/console/prompts/suites/capitals"
    bring(olga, "mine.yaml", CAPITALS)
    olga.post("/console/canaries/new", params={**CANARY, "suite": "capitals"})
    bring(olga, "mine.yaml", CAPITALS.replace("value: Paris", "value: Rome"))
    canaries.schedule(bound.context)
    bound.work()
    runs = bound.store.documents.every(TENANT, canaries.RUN, parent="answers")
    assert [one.body["state"] for one in runs if one.body["state"] != "missed"] == ["failed"]
    refused = olga.post(f"{path}/delete", data={"confirm": "capitals"})
    assert refused.status_code == 422
    assert "answers" in refused.text
    assert olga.post(f"{path}/delete", data={"confirm": "other"}).status_code == 422
    olga.post("/console/canaries/answers/delete", data={"confirm": "answers"})
    files = [one.body["sha256"] for one in own_suites.versions(bound.store, TENANT, "capitals")]
    assert olga.post(f"{path}/delete", data={"confirm": "capitals"}).status_code == 200
    assert olga.get(path).status_code == 404
    assert not any(bound.store.attachments.is_there(TENANT, one) for one in files)
    assert bound.store.documents.every(TENANT, canaries.RUN, parent="answers") == runs
