"""Reports of what the evidence finder found."""

import html
import re
from typing import Any

from affidavit.operations.assessment_reports import choice_of
from affidavit.store import Chosen


def test_a_report_is_made_of_what_the_finder_found(fresh: Any) -> None:
    """The page says how much a query finds; exactly that is chosen, and said in the ledger."""
    olga, assessment = fresh.client("olga"), fresh.assessment.id
    controls = olga.get(f"/console/assessments/{assessment}?set=Privacy").text
    (path, *_) = re.findall(r'(/console/assessments/[^"]+/controls/[^"]+)\?set=Privacy', controls)
    olga.post(f"{path}/evidence", data={"set": "Privacy", "text": "Approved by the board."})
    address = "/console/finder/report?f=control+~+GENAI-PRIV-*&day=2026-10-31"
    link = olga.get(address.replace("/report", "")).text
    assert html.escape(address) in link
    page = olga.get(address).text
    assert '<dd class="figure">21</dd>' in page
    assert "1 item of manual evidence is found as well, and will not be in it" in page
    wrong = olga.post(address, data={"assessment": assessment, "name": "not a name!"})
    assert wrong.status_code == 422
    assert "not a name!" in wrong.text
    done = olga.post(address, data={"assessment": assessment, "name": "Privacy"})
    assert "In progress" in done.text
    (kept,) = fresh.store.documents.every("111122223333/us-east-1", "assessment_report")
    said = kept.body["_said"]
    assert (said["by"], said["records"]) == ("query", 21)
    assert said["query"] == "(control ~ GENAI-PRIV-*) and day = 2026-10-31"
    chosen = list(choice_of(fresh.context, "111122223333/us-east-1", kept).rows())
    assert len(chosen) == 21
    assert {one.control_id[:10] for _, one in chosen} == {"GENAI-PRIV"}
    nothing = "/console/finder/report?f=control+%3D+NONE"
    assert "There is nothing to report" in olga.get(nothing).text
    refused = olga.post(nothing, data={"assessment": assessment, "name": "None"})
    assert refused.status_code == 422
    assert "finds no collected evidence" in refused.text
    assert olga.get("/console/finder/report?f=nonsense+%3D").status_code == 422
    form = {"assessment": assessment, "name": "Hers"}
    assert fresh.client("dora").post(address, data=form).status_code == 403
    known = Chosen(tenant="111122223333/us-east-1", assessments=(assessment,))
    segment = fresh.store.segment_files(known)[0]
    segment.path.write_bytes(b"x")
    damaged = olga.get(address)
    assert (damaged.status_code, f"of {segment.day} cannot be read" in damaged.text) == (422, True)
    for page in (damaged, olga.get("/console/finder")):
        assert f"The segment {segment.name} is damaged" in page.text
        assert str(segment.path.parent) not in page.text
