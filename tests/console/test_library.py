"""The library: frameworks and controls are copied, edited, ordered, deleted; CSV of rules."""

import html
import re
from typing import Any

from tests.console import library

NEW_CONTROL = "/console/controls/new"
NEW_FRAMEWORK = "/console/frameworks/new"


def fields(page: str) -> dict[str, list[str]]:
    """Return what a browser would send of the page's main form, without its buttons."""
    form = page[page.index("<form method", page.index("<main")) :]
    found: dict[str, list[str]] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = _attribute(tag, "name"), _attribute(tag, "value")
        if 'type="checkbox"' not in tag or " checked" in tag:
            found.setdefault(name, []).append(value)
    for name, text in re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>([^<]*)<', form):
        found[name] = [html.unescape(text)]
    for name, options in re.findall(
        r'<select[^>]* name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL
    ):
        chosen = re.search(r'value="([^"]*)" selected', options) or re.search(
            r'value="([^"]*)"', options
        )
        assert chosen is not None
        found[name] = [html.unescape(chosen[1])]
    return found


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf'\s{name}="([^"]*)"', tag)
    return html.unescape(found[1]) if found else ""


def _sets(fresh: Any, identifier: str) -> list[tuple[str, list[str]]]:
    answer = fresh.ask("owner", "GetAssessmentFramework", frameworkId=identifier)["framework"]
    return [(one["name"], [c["name"] for c in one["controls"]]) for one in answer["controlSets"]]


def test_a_standard_framework_is_copied_and_edited(fresh: Any) -> None:
    """The copy is edited before it is made: sets go and move, a new one gets a found control."""
    olga = fresh.client("olga")
    shipped = fresh.context.catalogue.framework
    page = olga.get(f"{NEW_FRAMEWORK}?from={shipped.uuid}").text
    form = fields(page) | {"name": ["Ours"]}
    assert len(form["key"]) == len(shipped.control_sets)
    for key in form["key"][2:]:
        page = olga.post(NEW_FRAMEWORK, data={**form, "do": f"drop {key}"}).text
        form = fields(page)
    page = olga.post(NEW_FRAMEWORK, data={**form, "do": "down 0"}).text
    form = fields(page)
    assert form["key"] == ["1", "0"]
    page = olga.post(NEW_FRAMEWORK, data={**form, "new-set": "Extra", "do": "add-set"}).text
    page = olga.post(NEW_FRAMEWORK, data={**fields(page), "q": "trails ours", "do": "find"}).text
    own = library.custom(fresh, "control")
    assert f'value="{own}"' in page
    added = {**fields(page), "add": own, "into": fields(page)["key"][-1], "do": "add"}
    page = olga.post(NEW_FRAMEWORK, data=added).text
    done = olga.post(NEW_FRAMEWORK, data={**fields(page), "do": "save"})
    assert "The change was saved" in done.text
    made = _sets(fresh, done.url.path.rpartition("/")[2])
    names = [one.name for one in shipped.control_sets]
    assert [name for name, _ in made] == [names[1], names[0], "Extra"]
    assert made[2][1] == [f"Trails are ours {library.EVIL}"]
    assert made[1][1] == [one.title for one in shipped.control_sets[0].controls]
    assert len(fresh.store.documents.every(library.TENANT, "framework")) == 2


def test_a_custom_framework_is_edited_in_place(fresh: Any) -> None:
    """Unchecked controls leave, order changes, set ids stay; no set is empty."""
    olga, own = fresh.client("olga"), library.custom(fresh, "framework")
    before = fresh.store.documents.get(library.TENANT, "framework", own).body
    path = f"/console/frameworks/{own}/edit"
    form = fields(olga.get(path).text)
    first, second = form["control-0"]
    moved = fields(olga.post(path, data={**form, "do": f"raise 0 {second}"}).text)
    assert moved["control-0"] == [second, first]
    moved |= {"control-0": [second], "set-name-1": ["Renamed"]}
    saved = olga.post(path, data={**moved, "do": "save"})
    assert "The change was saved" in saved.text
    after = fresh.store.documents.get(library.TENANT, "framework", own).body
    ids = [one["id"] for one in before["controlSets"]]
    assert [one["id"] for one in after["controlSets"]] == ids
    assert [one["name"] for one in after["controlSets"]] == ["First", "Renamed"]
    assert after["controlSets"][0]["controls"] == [{"id": second}]
    refusals: tuple[dict[str, Any], ...] = (
        {"set-name-0": "Renamed"},
        {"key": []},
        {"name": ""},
        {"control-1": []},
    )
    for wrong in refusals:
        form = fields(olga.get(path).text)
        answer = olga.post(path, data={**form, **wrong, "do": "save"})
        assert answer.status_code == 422, wrong
        assert 'role="alert"' in answer.text
    shipped = fresh.context.catalogue.framework.uuid
    assert olga.get(f"/console/frameworks/{shipped}/edit").status_code == 422


def test_a_control_takes_sources_of_all_types(fresh: Any) -> None:
    """Keywords are found by words and added, of every type; the saved control has them all."""
    olga = fresh.client("olga")
    form: dict[str, Any] = fields(olga.get(NEW_CONTROL).text) | {"name": ["Everything"]}
    for kind, words, given in (
        ("AWS_API_Call", "describetrails", {}),
        ("AWS_Config", "s3_bucket_versioning_enabled", {"rule": "our-own-rule"}),
        ("AWS_Cloudtrail", "iam createuser", {}),
        ("AWS_Security_Hub", "iam.1", {}),
        ("Core_Control", "bucket-tls", {}),
        ("Common_Control", "nist", {}),
        ("MANUAL", "", {"manual": "INPUT_TEXT"}),
    ):
        page = olga.post(NEW_CONTROL, data={**form, "kind": kind, "q": words, "do": "find"}).text
        picked = re.findall(r'name="pick" value="([^"]+)"', page)[:1]
        assert picked or kind == "MANUAL", kind
        sent = {**fields(page), "pick": [html.unescape(one) for one in picked], **given}
        page = olga.post(NEW_CONTROL, data={**sent, "do": "add"}).text
        form = fields(page)
    assert len(form["key"]) == 8
    form["frequency-0"] = ["MONTHLY"]
    done = olga.post(NEW_CONTROL, data={**form, "do": "save"})
    assert "The change was saved" in done.text, re.findall(r"<li><code>.*", done.text)
    identifier = done.url.path.rpartition("/")[2]
    kept = fresh.ask("owner", "GetControl", controlId=identifier)["control"]
    sources = {one["sourceType"]: one for one in kept["controlMappingSources"]}
    assert len(sources) == 7
    assert sources["AWS_API_Call"]["sourceFrequency"] == "MONTHLY"
    assert sources["AWS_Config"]["sourceKeyword"]["keywordValue"] == "Custom_our-own-rule"
    assert sources["MANUAL"]["sourceKeyword"] == {"keywordInputType": "INPUT_TEXT"}


def test_a_custom_control_is_edited_in_place(fresh: Any) -> None:
    """A source that stays keeps its id; one that goes is gone; standard controls stay."""
    olga, own = fresh.client("olga"), library.custom(fresh, "control")
    path = f"/console/controls/{own}/edit"
    before = fresh.ask("owner", "GetControl", controlId=own)["control"]["controlMappingSources"]
    form = fields(olga.get(path).text)
    form = fields(olga.post(path, data={**form, "do": "drop 1"}).text)
    olga.post(path, data={**form, "name": "Renamed", "do": "save"})
    after = fresh.ask("owner", "GetControl", controlId=own)["control"]
    assert after["name"] == "Renamed"
    assert [one["sourceId"] for one in after["controlMappingSources"]] == [before[0]["sourceId"]]
    refused = olga.post(path, data={**form, "key": [], "do": "save"})
    assert refused.status_code == 422
    assert "at least one source" in refused.text
    shipped = next(iter(fresh.context.catalogue.framework.controls())).uuid
    assert olga.get(f"/console/controls/{shipped}/edit").status_code == 422
    copy = olga.get(f"{NEW_CONTROL}?from={shipped}").text
    assert len(fields(copy)["key"]) == len(
        fresh.ask("owner", "GetControl", controlId=shipped)["control"]["controlMappingSources"]
    )


def test_deletion_says_what_it_affects(fresh: Any) -> None:
    """Before a control or framework goes, its frameworks and assessments are named."""
    olga = fresh.client("olga")
    control, framework = library.custom(fresh, "control"), library.custom(fresh, "framework")
    answer = olga.post(
        "/console/assessments/new",
        data={
            "name": "Of our own",
            "framework": framework,
            "accounts": "111122223333",
            "destination": "s3://reports/x",
            "owners": "arn:aws:iam::111122223333:user/olga",
            "go": "create",
        },
    )
    assert "first collection" in answer.text
    page = olga.get(f"/console/controls/{control}/delete").text
    assert "1 custom framework<" in page
    assert "Of our own" in page
    page = olga.get(f"/console/frameworks/{framework}/delete").text
    assert "Of our own" in page
    assert "deleted" in str(olga.post(f"/console/controls/{control}/delete").url)
    assert _sets(fresh, framework)[1] == ("Second", [])
    assert "deleted" in str(olga.post(f"/console/frameworks/{framework}/delete").url)
    assert "Of our own" in olga.get("/console/assessments").text


def test_assessments_of_others_are_counted_and_not_named(fresh: Any) -> None:
    """Who does not own an assessment learns from the library that there is one, not which."""
    fresh.ask(
        "owner",
        "CreateAssessment",
        name="Secret affair",
        frameworkId=library.custom(fresh, "framework"),
        scope={"awsAccounts": [{"id": "111122223333"}]},
        roles=[],
        assessmentReportsDestination={"destinationType": "S3", "destination": "s3://reports/x"},
    )
    page = fresh.client("arthur").get(f"/console/controls/{library.custom(fresh, 'control')}").text
    assert "Secret affair" not in page
    assert "1 that is not yours" in page


def test_config_rules_are_downloaded(filled: Any) -> None:
    """The mapping is an attachment, of standard and custom frameworks, core controls resolved."""
    client = filled.client("arthur")
    shipped = filled.context.catalogue.framework
    answer = client.get(f"/console/frameworks/{shipped.uuid}/config-rules.csv")
    assert answer.headers["content-disposition"].startswith("attachment")
    rules = sum(
        source.type.value == "AWS_Config" for one in shipped.controls() for source in one.sources
    )
    assert len(answer.text.splitlines()) == 1 + rules
    own = library.custom(filled, "framework")
    text = client.get(f"/console/frameworks/{own}/config-rules.csv").text
    assert "Custom_ours" in text
    assert "Second" in text
