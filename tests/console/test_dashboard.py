"""The dashboard tells what is being collected, and how far it is."""

import re
from html import unescape

from tests.console.conftest import TENANT, Installation

from affidavit.model.verdict import Verdict
from affidavit.operations import work
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
