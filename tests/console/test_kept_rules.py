"""Rules and parameters that sources of custom controls keep, in the browser."""

import re
from typing import Any

from tests.console import library
from tests.console.test_library import fields

TRY = "/console/controls/try"
RULE = {
    "set": "trail",
    "compliant": "has(r.item.LogFileValidationEnabled) && r.item.LogFileValidationEnabled",
    "words": "Trails are validated",
    "severity": "high",
}


def _source(fresh: Any, control: str) -> str:
    found = fresh.ask("owner", "GetControl", controlId=control)["control"]
    return str(found["controlMappingSources"][0]["sourceId"])


def test_a_rule_is_kept_shown_edited_copied_and_taken_off(fresh: Any) -> None:
    """Each step is a form; the control's page says the rule in words and by its expression."""
    olga, control = fresh.client("olga"), library.custom(fresh, "control")
    home = f"/console/controls/{control}"
    at = f"{home}/rules/{_source(fresh, control)}"
    assert "Give it a rule" in olga.get(home).text
    page = olga.get(at).text
    assert "<h1>The rule of Buckets</h1>" in page
    assert "The source asks for" in page
    assert fields(page)["set"] == ["cloudtrail_DescribeTrails"], (
        "what the source collects is chosen already"
    )
    page = olga.get(TRY).text
    assert "Keep this rule" in page
    place = f"{control} {_source(fresh, control)}"
    kept = olga.post(TRY, data={**RULE, "source": place, "do": "keep"})
    assert kept.status_code == 200, kept.text
    page = olga.get(home).text
    for words in ("Trails are validated", "r.item.LogFileValidationEnabled", "Severity: high"):
        assert words.lower() in page.lower()
    assert "It carries a rule: Trails are validated" in olga.get(f"{home}/edit").text
    form = fields(olga.get(at).text)
    assert form["compliant"] == [RULE["compliant"]]
    changed = {**form, "words": "Trails are all validated", "do": "keep"}
    assert olga.post(at, data=changed).status_code == 200
    assert "Trails are all validated" in olga.get(home).text
    page = olga.get(f"/console/controls/new?from={control}").text
    copied = olga.post("/console/controls/new", data={**fields(page), "do": "save"})
    assert "Trails are all validated" in copied.text
    assert str(copied.url) != home
    olga.post(f"{at}/clear")
    assert "Give it a rule" in olga.get(home).text


def test_what_cannot_be_kept_is_said_beside_the_form(fresh: Any) -> None:
    """A rule about other answers is refused with the reason; what was written stays."""
    olga, control = fresh.client("olga"), library.custom(fresh, "control")
    at = f"/console/controls/{control}/rules/{_source(fresh, control)}"
    other = {**RULE, "set": "bucket", "compliant": 'r.item.Name != ""', "do": "keep"}
    answer = olga.post(at, data={**other, "source": f"{control} {_source(fresh, control)}"})
    assert answer.status_code == 422
    assert "reads nothing of what cloudtrail_DescribeTrails answers" in answer.text
    assert "r.item.Name != " in answer.text


def test_parameters_are_set_on_the_control_s_page(fresh: Any) -> None:
    """What differs from the catalogue is marked; a wrong value is refused by name."""
    olga = fresh.client("olga")
    value = {"keywordInputType": "SELECT_FROM_LIST", "keywordValue": "ACCESS_KEYS_ROTATED"}
    source = {"sourceName": "Keys", "sourceType": "AWS_Config", "sourceKeyword": value}
    made = fresh.ask("owner", "CreateControl", name="Keys", controlMappingSources=[source])
    control = made["control"]["id"]
    home, at = f"/console/controls/{control}", _source(fresh, control)
    name, why = f"parameters-{at}", f"why-{at}"
    sent = olga.post(
        f"{home}/parameters/{at}", data={name: '{"max_key_age_days": 30}', why: "shorter"}
    )
    assert re.search(r"max_key_age_days = 30", sent.text)
    assert "catalogue: 90" in sent.text
    assert fields(sent.text)[name] == ['{"max_key_age_days":30}']
    wrong = olga.post(f"{home}/parameters/{at}", data={name: '{"days": 30}', why: ""})
    assert wrong.status_code == 422
    assert "has no parameter days" in wrong.text


def test_an_auditor_sees_rules_and_changes_none(fresh: Any) -> None:
    """The control's page shows no form to who may not use it, and each act is refused."""
    control = library.custom(fresh, "control")
    source = _source(fresh, control)
    arthur = fresh.client("arthur")
    page = arthur.get(f"/console/controls/{control}").text
    assert "Rules and parameters" in page
    assert "Give it a rule" not in page
    for path in (f"rules/{source}", f"rules/{source}/clear", f"parameters/{source}"):
        sent = arthur.post(f"/console/controls/{control}/{path}", data={**RULE, "do": "keep"})
        assert sent.status_code == 403, path
