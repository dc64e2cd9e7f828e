"""What forms do: the life of an assessment by owner and delegate; auditors change nothing."""

import html
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.console import library
from tests.console.conftest import assessment_of

from affidavit.console.pages import reports
from affidavit.console.pages.all import VIEWS
from affidavit.operations import activity, report_uploads
from affidavit.store.documents import Document

TEXT = "The board approved the model register."


def _first(client: Any, path: str, pattern: str) -> str:
    text = client.get(f"/console{path}").text
    match = re.search(pattern, text)
    assert match is not None, re.findall(r"<h1>.*|<p><b>.*", text)
    return html.unescape(match[1])


def _control(client: Any, assessment: str, control_set: str = "Privacy") -> tuple[str, str]:
    """Return the path of a set's first control, and its id."""
    path = f"/assessments/{assessment}?set={control_set}"
    pattern = rf'/console(/assessments/[^"]+/controls/[0-9a-f-]+)\?set={control_set}'
    address = _first(client, path, pattern)
    return address, address.rpartition("/")[2]


def test_the_life_of_a_review(fresh: Any, small_file: Path) -> None:
    """Delegated, commented, evidence added, submitted, completed: each seen by the other side."""
    olga, dora, assessment = fresh.client("olga"), fresh.client("dora"), fresh.assessment.id
    assert "delegated the control set Privacy" in dora.get("/console/notifications").text
    path, _ = _control(dora, assessment)
    form = {"set": "Privacy", "comment": "Looks <good>"}
    assert "Looks &lt;good&gt;" in dora.post(f"/console{path}/comments", data=form).text
    done = dora.post(f"/console{path}/status", data={"set": "Privacy", "status": "REVIEWED"})
    assert "Reviewed is final" in done.text
    path, _ = _control(dora, assessment)
    with small_file.open("rb") as file:
        added = dora.post(
            f"/console{path}/evidence",
            data={"set": "Privacy", "text": TEXT},
            files={"file": ("../../minutes.txt", file)},
        )
    assert "2 items were added" in added.text
    form = {"assessment": assessment, "set": "Privacy", "comment": "All done."}
    assert "submitted" in str(dora.post("/console/delegations/review", data=form).url)
    assert "submitted the control set Privacy" in olga.get("/console/notifications").text
    done = olga.post("/console/delegations/review", data={**form, "comment": "Thank you."})
    assert "reviewed" in str(done.url)
    assert "Complete" in olga.get("/console/delegations").text
    assert "completed the review" in dora.get("/console/notifications").text
    log = olga.get(f"/console/assessments/{assessment}/changes").text
    assert "Evidence added" in log
    assert "Reviewed" in log


def test_manual_files_come_back_as_attachments_only(fresh: Any, tmp_path: Path) -> None:
    """A page that somebody uploads is never shown by us: attachment, sandboxed, not sniffed."""
    olga, assessment = fresh.client("olga"), fresh.assessment.id
    path, _ = _control(olga, assessment)
    evil = tmp_path / "evil.html"
    evil.write_text("<script>alert(1)</script>", encoding="utf-8")
    with evil.open("rb") as file:
        olga.post(f"/console{path}/evidence", data={"set": "Privacy"}, files={"file": file})
    folder = _first(olga, path, r'href="/console(/assessments/[^"]+/folders/[0-9a-f-]+)"')
    page = olga.get(f"/console{folder}").text
    items = re.findall(r'/evidence/([0-9a-f-]{36})"', page)
    shown = [olga.get(f"/console{folder}/evidence/{one}") for one in items]
    mine = next(one for one in shown if "evil.html" in one.text)
    address = re.search(r'href="([^"]+/file)"', mine.text)
    assert address is not None
    answer = olga.get(address[1])
    assert answer.text == "<script>alert(1)</script>"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    proof = olga.get(f"{mine.url}?verify=1").text
    assert 'class="flash good"' in proof


def test_bad_files_and_texts_are_refused_in_place(fresh: Any) -> None:
    """The form comes back with what is wrong, and nothing was added."""
    olga, assessment = fresh.client("olga"), fresh.assessment.id
    path, _ = _control(olga, assessment)
    for data, files in (
        ({}, {"file": ("run.exe", b"MZ")}),
        ({}, {"file": ("empty.txt", b"")}),
        ({"text": "x" * 1001}, None),
        ({"link": "s3://not-bound/key.txt"}, None),
        ({}, None),
    ):
        answer = olga.post(f"/console{path}/evidence", data={"set": "Privacy", **data}, files=files)
        assert answer.status_code == 422, (data, files)
        assert 'role="alert"' in answer.text
    assert "0 items were added" in olga.get(f"/console{path}").text


def test_a_control_says_its_principle_and_when_manual_evidence_is_due(fresh: Any) -> None:
    """At once where there is none, as long after the newest as the framework says, else overdue."""
    wanting = next(
        one for one in fresh.context.catalogue.framework.controls() if one.manual_evidence
    )
    olga = fresh.client("olga")
    path = f"/console/assessments/{fresh.assessment.id}/controls/{wanting.uuid}"
    page = olga.get(path).text
    assert "<h3>Principle</h3>" in page
    assert "Due now." in page
    name = _first(olga, path.removeprefix("/console"), r'name="set" value="([^"]+)"')
    added = olga.post(f"{path}/evidence", data={"set": name, "text": TEXT})
    assert "Due again at" in added.text
    fresh.time += timedelta(days=wanting.manual_evidence.renew_days + 1)
    assert "Overdue since" in fresh.client("arthur").get(path).text


def test_a_report_is_asked_for_and_its_failure_told(fresh: Any) -> None:
    """A day is selected, a report built by the worker; why it failed is said, and nothing kept.

    The evidence here is made up, so the report does not verify. A whole one: `test_browser`.
    """
    olga, assessment = fresh.client("olga"), fresh.assessment.id
    base = f"/console/assessments/{assessment}"
    assert "Select some evidence first" in olga.get(f"{base}/selection").text
    chosen = olga.post(f"{base}/selection/day", data={"day": "2026-10-31"})
    assert chosen.text.count("Everything") == 52
    wrong = olga.post(f"{base}/reports", data={"name": "not a name!"})
    assert wrong.status_code == 422
    assert "not a name!" in wrong.text
    olga.post(f"{base}/reports", data={"name": "October"})
    assert "In progress" in olga.get("/console/reports").text
    fresh.work()
    page = olga.get("/console/reports").text
    assert "Failed" in page
    assert "does not verify" in page
    assert "October.zip" not in page


def test_the_name_that_is_offered_for_a_report_is_taken(fresh: Any) -> None:
    """Whatever an assessment is called: names of reports have letters, digits, and - _ . only."""
    for name in ("Northwind Assistants (simulated)", "Prüfung", "?"):
        assert re.fullmatch(r"[\w.-]+", reports.report_name(name, fresh.time), re.ASCII), name


def test_what_is_no_report_is_not_verified(fresh: Any) -> None:
    """An upload that is no report is refused by the verifier's first step, and not kept."""
    client = fresh.client("arthur")
    page = client.post("/console/reports/verify", files={"report": ("o.zip", b"PK not a zip")})
    assert page.status_code == 200
    assert "Not verified: o.zip" in page.text
    assert "archive" in page.text
    assert client.post("/console/reports/verify", data={}).status_code == 422


def test_one_upload_is_verified_at_a_time(fresh: Any) -> None:
    """Many readers' uploads at once cannot take the server's memory: the second has to wait."""
    client = fresh.client("arthur")
    files = {"report": ("r.zip", b"PK")}
    with report_uploads._turn:
        assert client.post("/console/reports/verify", files=files).status_code == 429
    assert client.post("/console/reports/verify", files=files).status_code != 429


def test_evidence_is_selected_by_item_and_folder(fresh: Any) -> None:
    """Single items and a whole folder are selected and taken out again."""
    olga, assessment = fresh.client("olga"), fresh.assessment.id
    path, _ = _control(olga, assessment)
    folder = _first(olga, path, r'href="/console(/assessments/[^"]+/folders/[0-9a-f-]+)"')
    items = re.findall(r'name="item" value="([^"]+)"', olga.get(f"/console{folder}").text)
    assert len(items) == 3
    url = f"/console{folder}/selection"
    page = olga.post(url, data={"do": "add", "item": items[:2]})
    assert page.text.count("<td>selected</td>") == 2
    page = olga.post(url, data={"do": "add-all"})
    assert page.text.count("<td>selected</td>") == 3
    page = olga.post(url, data={"do": "drop", "item": items[0]})
    assert page.text.count("<td>selected</td>") == 2
    page = olga.post(url, data={"do": "drop-all"})
    assert page.text.count("<td>selected</td>") == 0
    olga.post(url, data={"do": "add-all"})
    page = olga.post(f"/console/assessments/{assessment}/selection/drop", data={"all": "1"})
    assert "Nothing is selected" in page.text


def test_an_assessment_is_made_in_steps(fresh: Any) -> None:
    """What each step gave is carried on; nothing is written before the last, which says errors."""
    olga = fresh.client("olga")
    framework = fresh.context.catalogue.framework.uuid
    form = {"name": "Second", "framework": framework, "go": "accounts"}
    page = olga.post("/console/assessments/new", data=form)
    assert 'name="name" value="Second"' in page.text
    form |= {"accounts": "111122223333", "destination": "nowhere", "go": "owners"}
    page = olga.post("/console/assessments/new", data=form)
    form |= {"owners": "arn:aws:iam::111122223333:user/olga", "go": "create"}
    page = olga.post("/console/assessments/new", data=form)
    assert page.status_code == 422
    assert "assessmentReportsDestination.destination" in page.text
    assert len(fresh.store.assessments()) == 1
    page = olga.post("/console/assessments/new", data={**form, "destination": ""})
    assert "Its first collection has begun" in page.text
    assert "Second" in olga.get("/console/assessments").text


def test_an_assessment_is_ended_only_when_its_name_is_given(fresh: Any) -> None:
    """Inactive is for ever and deleting takes the evidence along: both want the name."""
    olga, assessment = fresh.client("olga"), fresh.assessment.id
    base = f"/console/assessments/{assessment}"
    assert olga.post(f"{base}/inactive", data={"confirm": "no"}).status_code == 422
    assert olga.post(f"{base}/delete", data={"confirm": ""}).status_code == 422
    page = olga.post(f"{base}/inactive", data={"confirm": "Assistants"})
    assert "read-only" in page.text
    assert "Change" not in re.findall(r"<h2>([^<]+)</h2>", olga.get(f"{base}/scope").text)
    assert fresh.client("dora").get(base).status_code == 403
    olga.post(f"{base}/delete", data={"confirm": "Assistants"})
    assert "no assessment yet" in olga.get("/console/assessments").text


def test_library_settings_and_tags(fresh: Any) -> None:
    """A control is made and deleted, a tag set, settings changed by admins."""
    olga = fresh.client("olga")
    form = {
        "name": "Trails log",
        "key": "0",
        "type-0": "AWS_API_Call",
        "keyword-0": "cloudtrail_DescribeTrails",
        "frequency-0": "WEEKLY",
        "do": "save",
    }
    page = olga.post("/console/controls/new", data=form)
    assert "Trails log" in page.text
    assert "Weekly" in page.text
    wrong = olga.post("/console/controls/new", data={**form, "keyword-0": "cloudtrail_nonsense"})
    assert wrong.status_code == 422
    assert "cloudtrail_nonsense" in wrong.text
    assert "deleted" in str(olga.post(f"{page.url.path}/delete").url)
    by_command = assessment_of("By the command line")
    fresh.store.create_assessment(by_command, "test")
    path = f"/console/assessments/{by_command.id}/tags"
    assert "<td>legal</td>" in olga.post(path, data={"key": "team", "value": "legal"}).text
    base = f"/console/assessments/{fresh.assessment.id}/tags"
    assert "<td>legal</td>" in olga.post(base, data={"key": "team", "value": "legal"}).text
    assert "<td>legal</td>" not in olga.post(f"{base}/drop", data={"key": "team"}).text
    form = {"kmsKey": "", "snsTopic": "nonsense", "deregistration": "DEFAULT"}
    arn = "arn:aws:sns:us-east-1:111122223333:audit"
    assert olga.post("/console/settings", data={**form, "snsTopic": arn}).status_code == 403
    admin = fresh.client("olga", "admin")
    assert admin.post("/console/settings", data=form).status_code == 422
    assert arn in admin.post("/console/settings", data={**form, "snsTopic": arn}).text


def _everything(installation: Any) -> list[tuple[str, list[Document]]]:
    """Return all documents of the tenant but what reading makes, and the log's size."""
    kinds = ("assessment", "change_log", "manual_evidence", "selection", "assessment_report")
    more = ("framework", "control", "settings", "account", "work", "notification", "upload")
    tenant = installation.assessment.tenant
    documents = installation.store.documents
    found = [(kind, documents.every(tenant, kind)) for kind in (*kinds, *more)]
    return [*found, (str(installation.store.log(tenant).size), [])]


@pytest.mark.parametrize("user", ["arthur", "nobody"])
def test_an_auditor_changes_nothing(fresh: Any, user: str) -> None:
    """Every form is refused for an auditor, and for whoever is not signed in; nothing changes."""
    owner = fresh.client("olga")
    assessment = fresh.assessment.id
    path, control = _control(owner, assessment)
    folder = _first(owner, path, r"/folders/([0-9a-f-]{36})")
    ids = {
        "assessment": assessment,
        "control": control,
        "folder": folder,
        "report": assessment,
        "share": assessment,
        "user": "dora",
        "key": "AFDV",
        "channel": "c",
        "framework": fresh.context.catalogue.framework.uuid,
        "token": "none",
        "search": assessment,
        "export": assessment,
        "job": assessment,
        "canary": "steady",
        "source": library.source(fresh),
        "suite": "refusal",
    }
    form = {
        "set": "Privacy",
        "assessment": assessment,
        "comment": "x",
        "status": "REVIEWED",
        "confirm": "Assistants",
        "key": "k",
        "value": "v",
        "day": "2026-10-31",
        "all": "1",
        "name": "n",
        "text": "t",
        "do": "add-all",
        "roles": "",
        "go": "create",
        "roleArn": "arn:aws:iam::111122223333:user/dora",
        "delegation": assessment,
        "sourceType": "MANUAL",
        "query": "day = 2026-10-31",
        "folder": folder,
        "framework": ids["framework"],
        "owners": "arn:aws:iam::111122223333:user/arthur",
        "accounts": "111122223333",
        "destination": "s3://b/c",
        "deregistration": "ALL",
    }
    client = fresh.client("" if user == "nobody" else user)
    before = _everything(fresh)
    own = (
        "/sign-in",
        "/sign-out",
        "/welcome/",
        "/account/grant",
        "/account/pass",
        "/account/codes",
        "/finder/searches",  # of one's own, see test_taking_away
    )
    allowed = ("/reports/verify", "/finder/export")
    """A reader may do these; this form's members cannot be used there."""
    for one in VIEWS:
        if one.method != "POST" or one.path.startswith(own):
            continue
        answer = client.post(f"/console{one.path.format(**ids)}", data=form, follow_redirects=False)
        wanted = {303} if user == "nobody" else {403, 404}
        if user == "arthur" and one.path in allowed:
            wanted = {422}
        assert answer.status_code in wanted, (one.path, answer.status_code, answer.text[:2000])
        if user == "nobody":
            assert answer.headers["location"].startswith("/console/sign-in")
        assert _everything(fresh) == before, one.path


def test_an_assessment_says_how_far_cloudtrail_was_asked(fresh: Any) -> None:
    """Between the daily runs: up to when, where there was a gap, and why the last try failed."""
    arthur, at = fresh.client("arthur"), fresh.assessment.id
    page = f"/console/assessments/{at}"
    assert "CloudTrail is asked" not in arthur.get(page).text
    body = {
        "ended": "2026-11-30T18:30:00Z",
        "cursors": {"111122223333": "2026-11-30T18:15:00Z"},
        "missed": ["444455556666"],
    }
    document = Document(kind="activity", id=at, parent=at, body=body)
    fresh.store.documents.act(library.TENANT, now=fresh.context.now(), puts=[document])
    text = arthur.get(page).text
    assert "asked for new events every 15 minutes" in text
    assert "2026-11-30 18:15" in text
    assert "444455556666 (never yet)" in text
    activity.failed(fresh.context, library.TENANT, at, "<b>denied</b>")
    text = arthur.get(page).text
    assert "&lt;b&gt;denied&lt;/b&gt;" in text
    assert "never yet" not in text
