"""The dashboard tells what is being collected, and how far it is."""

import re
from datetime import timedelta
from html import unescape

import pytest
from tests.console.conftest import TENANT, Installation, commit_run

from affidavit.model.verdict import Verdict
from affidavit.operations import work
from affidavit.operations.folder_ids import folder_id
from affidavit.store.leases import me


def test_a_running_collection_tells_how_far_it_is(fresh: Installation) -> None:
    """Answered questions of those that are known, with the account; the page asks again."""
    task = work.of_day(fresh.context, fresh.assessment.id, fresh.time.date())
    fresh.store.documents.act(TENANT, now=fresh.time, puts=[task])
    client = fresh.client("olga")
    assert "<progress" not in client.get("/console/").text
    taken = work.take(fresh.context)
    assert taken is not None
    taken.tell({"account": "111122223333", "done": 30, "total": 120})
    taken.tell({"account": "111122223333", "done": 31, "total": 120})
    page = client.get("/console/").text
    assert '<progress value="30" max="120"' in page
    assert "30 of 120 questions known so far, account 111122223333" in page
    assert 'hx-trigger="every 2s"' in page
    kept = fresh.store.documents.get(TENANT, work.KIND, task.id)
    assert kept is not None
    assert kept.body["holder"] == me().text()
    assert taken.failed("It broke.")
    assert "It broke." in client.get("/console/").text


def test_the_number_of_non_compliant_controls_leads_to_them(fresh: Installation) -> None:
    """Behind it the finder shows the controls of the day's non-compliant evidence."""
    client = fresh.client("olga")
    page = client.get(f"/console/?day={fresh.time.date()}").text
    found = re.search(r'<a href="([^"]+group=control)">17</a>', page)
    assert found is not None
    groups = client.get(unescape(found[1])).text
    held = fresh.store.evidence(fresh.assessment.id, fresh.time.date(), fresh.time.date())
    controls = {one.control_id for _, one in held if one.verdict is Verdict.NON_COMPLIANT}
    assert set(re.findall(r"GENAI-[A-Z]+-\d\d(?=</a>)", groups)) == controls != set()


@pytest.mark.parametrize("synthetic", [True, False])
def test_figures_of_what_is_not_aws_are_marked(fresh: Installation, *, synthetic: bool) -> None:
    """Pages with a day's figures say SYNTHETIC where its run does, and only then."""
    day = fresh.time.date() + timedelta(days=1)
    fresh.time += timedelta(days=1)
    commit_run(fresh.store, fresh.assessment, day, 0, synthetic=synthetic)
    client, base = fresh.client("olga"), f"/console/assessments/{fresh.assessment.id}"
    control = fresh.context.catalogue.framework.control_sets[0].controls[0]
    key = folder_id(fresh.assessment.id, control.id, day)
    for path in (
        "/console/",
        base,
        f"{base}/period",
        f"{base}/controls/{control.uuid}",
        f"{base}/folders/{key}",
        f"/console/finder?day={day}",
        f"/console/finder?group=control&day={day}",
        f"/console/finder/report?day={day}",
        f"/console/finder/export?day={day}",
        "/console/logs",
    ):
        assert ("<b>SYNTHETIC</b>" in client.get(path).text) is synthetic, path
    for path in ("finder?group=control", "finder/report", "finder/export"):  # older days, too
        assert "<b>SYNTHETIC</b>" in client.get(f"/console/{path}").text, path
