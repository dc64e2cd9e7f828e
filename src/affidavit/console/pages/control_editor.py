"""Making and editing a custom control: its texts, and mapping sources of all types.

As with frameworks the draft is one form: finding keywords, adding and removing sources show it
again, and nothing is written before Save.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from affidavit.console.forms import free_key
from affidavit.console.page import Page, path_to
from affidavit.console.texts import _, mark
from affidavit.console.views import act, view
from affidavit.errors import UsageError
from affidavit.operations import keyword_search, library_uses, source_rules

SOURCES: Final[Mapping[str, str]] = {
    "AWS_API_Call": mark("AWS API call"),
    "AWS_Config": mark("AWS Config rule"),
    "AWS_Cloudtrail": mark("AWS CloudTrail event"),
    "AWS_Security_Hub": mark("AWS Security Hub control"),
    "Core_Control": mark("Core control: a check of the catalogue"),
    "Common_Control": mark("Common control: a requirement of another framework"),
    "MANUAL": mark("Manual: people add the evidence"),
}
INPUTS: Final[Mapping[str, str]] = {
    "UPLOAD_FILE": mark("A file"),
    "INPUT_TEXT": mark("A text answer"),
}
FREQUENCIES: Final = ("DAILY", "WEEKLY", "MONTHLY")
_TEXTS: Final = (
    "description",
    "testingInformation",
    "actionPlanTitle",
    "actionPlanInstructions",
)
_MAX_NAME: Final = 100
"""The model's longest sourceName."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftSource:
    """One mapping source of the draft."""

    key: str
    """What its fields are named by in the form."""
    id: str
    """Empty where it is new."""
    type: str
    keyword: str
    """Of a manual one: how the evidence is given."""
    words: str
    """What people read for the keyword."""
    name: str
    description: str
    frequency: str
    help: str
    """What to do where it brings no evidence."""
    origin: str = ""
    """The id of the source that it is a copy of."""

    def members(self) -> dict[str, Any]:
        """Return it as the API takes it."""
        manual = self.type == "MANUAL"
        keyword = (
            {"keywordInputType": self.keyword or "UPLOAD_FILE"}
            if manual
            else {"keywordInputType": "SELECT_FROM_LIST", "keywordValue": self.keyword}
        )
        given = {
            "sourceId": self.id,
            "sourceName": self.name,
            "sourceDescription": self.description,
            "sourceType": self.type,
            "sourceFrequency": self.frequency if self.type == "AWS_API_Call" else "",
            "troubleshootingText": self.help,
        }
        option = "Procedural_Controls_Mapping" if manual else "System_Controls_Mapping"
        shown = {name: value for name, value in given.items() if value}
        return {**shown, "sourceSetUpOption": option, "sourceKeyword": keyword}


def ask_new(page: Page) -> Response:
    """Show the editor of a new control: empty, or filled from another one (`from`)."""
    page.require("CreateControl")
    source = page.query("from")
    given = _control(page, source) if source else {}
    name = _("Copy of %(name)s") % {"name": given["name"]} if given else ""
    return _show(page, {**given, "name": name}, _draft(page, given, copied=True))


def ask_edit(page: Page) -> Response:
    """Show the editor of a custom control."""
    page.require("UpdateControl")
    given = _custom(page)
    return _show(page, given, _draft(page, given))


def create(page: Page) -> Response:
    """Make the control, or go on editing it."""
    page.require("CreateControl")
    draft = _acted(page, _draft(page, {}))
    if page.form.text("do") != "save":
        return _show(page, {}, draft)
    made = page.ask("CreateControl", **_members(page, draft))["control"]
    for one, source in zip(draft, made["controlMappingSources"], strict=True):
        if one.origin:
            of, to = (page.form.text("from"), one.origin), (made["id"], source["sourceId"])
            source_rules.copy(page.context, page.caller, of, to)
    return page.go(path_to("controls", made["id"]), "saved")


def save(page: Page) -> Response:
    """Save the control, or go on editing it."""
    page.require("UpdateControl")
    given = _custom(page)
    draft = _acted(page, _draft(page, given))
    if page.form.text("do") != "save":
        return _show(page, given, draft)
    page.ask("UpdateControl", controlId=given["id"], **_members(page, draft))
    return page.go(path_to("controls", given["id"]), "saved")


def _control(page: Page, identifier: str) -> dict[str, Any]:
    answer = page.ask("GetControl", controlId=identifier)
    return dict(answer["control"])


def _custom(page: Page) -> dict[str, Any]:
    given = _control(page, page.identifier("control"))
    if given["type"] != "Custom":
        raise UsageError(
            _("A standard control stays as it is."), todo=_("Copy it, and edit the copy.")
        )
    return given


def _draft(page: Page, given: Mapping[str, Any], *, copied: bool = False) -> list[DraftSource]:
    """Return the sources as the form has them, else as the control has."""
    if page.form.fields:
        return [_of_form(page, key) for key in dict.fromkeys(page.form.many("key"))]
    return [
        _of_control(page, str(number), one, copied=copied)
        for number, one in enumerate(given.get("controlMappingSources", ()))
    ]


def _of_form(page: Page, key: str) -> DraftSource:
    def text(name: str) -> str:
        return page.form.text(f"{name}-{key}")

    kind = text("type") if text("type") in SOURCES else "MANUAL"
    return DraftSource(
        key=key,
        id=text("id"),
        type=kind,
        keyword=text("keyword"),
        words=_words(page, kind, text("keyword")),
        name=text("source-name"),
        description=text("source-description"),
        frequency=text("frequency"),
        help=text("help"),
        origin=text("origin"),
    )


def _of_control(page: Page, key: str, one: Mapping[str, Any], *, copied: bool) -> DraftSource:
    kind, given = one["sourceType"], one.get("sourceKeyword", {})
    keyword = given.get("keywordInputType", "") if kind == "MANUAL" else given["keywordValue"]
    return DraftSource(
        key=key,
        id="" if copied else one["sourceId"],
        type=kind,
        keyword=keyword,
        words=_words(page, kind, keyword),
        name=one.get("sourceName", "")[:_MAX_NAME],
        description=one.get("sourceDescription") or "",
        frequency=one.get("sourceFrequency", ""),
        help=one.get("troubleshootingText") or "",
        origin=one.get("sourceId", "") if copied else "",
    )


def _words(page: Page, kind: str, keyword: str) -> str:
    if kind == "MANUAL":
        return _(INPUTS.get(keyword, INPUTS["UPLOAD_FILE"]))
    return keyword_search.words_of(page.context, page.caller, kind, keyword)


def _acted(page: Page, draft: list[DraftSource]) -> list[DraftSource]:
    """Return the draft after what the pressed button says."""
    what, _blank, key = page.form.text("do").partition(" ")
    if what == "drop":
        return [one for one in draft if one.key != key]
    if what == "add":
        return _with_added(page, draft)
    return draft


def _with_added(page: Page, draft: list[DraftSource]) -> list[DraftSource]:
    """Return the draft with the keywords that are checked, a custom rule, or a manual source."""
    kind, form = _kind(page), page.form
    if kind == "MANUAL":
        chosen = [form.text("manual") if form.text("manual") in INPUTS else "UPLOAD_FILE"]
    else:
        chosen = form.many("pick")
    if kind == "AWS_Config" and form.text("rule"):
        chosen.append(f"Custom_{form.text('rule')}")
    present = {(one.type, one.keyword) for one in draft if one.type != "MANUAL"}
    taken = {one.key for one in draft}
    for keyword in dict.fromkeys(chosen):
        if (kind, keyword) in present:
            continue
        key = free_key(taken)
        taken.add(key)
        draft.append(_new(page, key, kind, keyword))
    return draft


def _new(page: Page, key: str, kind: str, keyword: str) -> DraftSource:
    words = _words(page, kind, keyword)
    return DraftSource(
        key=key,
        id="",
        type=kind,
        keyword=keyword,
        words=words,
        name=words[:_MAX_NAME],
        description="",
        frequency=FREQUENCIES[0] if kind == "AWS_API_Call" else "",
        help="",
    )


def _kind(page: Page) -> str:
    kind = page.form.text("kind")
    return kind if kind in SOURCES else next(iter(SOURCES))


def _members(page: Page, draft: list[DraftSource]) -> dict[str, Any]:
    if not draft:
        raise UsageError(
            _("A control has at least one source."),
            todo=_("Choose where its evidence comes from, and add it."),
        )
    texts = {name: page.form.text(name) or None for name in _TEXTS}
    sources = [one.members() for one in draft]
    return {**texts, "name": page.form.text("name"), "controlMappingSources": sources}


def _show(page: Page, given: Mapping[str, Any], draft: list[DraftSource]) -> Response:
    kind, searched = _kind(page), page.form.text("do") in ("find", "add", "")
    hits: keyword_search.Hits | None = None
    if kind != "MANUAL" and page.form.fields and searched:
        hits = keyword_search.search(page.context, page.caller, kind, page.form.text("q"))
    editing = given.get("id", "") if "control" in page.request.path_params else ""
    uses = library_uses.uses_of_control(page.context, page.caller, editing) if editing else None
    of = editing or page.query("from") or page.form.text("from")
    carried = source_rules.carried(page.context, page.caller, of) if of else ()
    return page.show(
        "controls/edit.html",
        given=given,
        editing=editing,
        uses=uses,
        of=of,
        carried={one.source_id: one for one in carried if one.rule or one.parameters},
        draft=draft,
        kind=kind,
        types=SOURCES,
        inputs=INPUTS,
        hits=hits,
    )


VIEWS = (
    view("/controls/new", ask_new, "Create a custom control, or copy and edit one"),
    act("/controls/new", create, ask_new),
    view("/controls/{control}/edit", ask_edit, "Edit a custom control"),
    act("/controls/{control}/edit", save, ask_edit),
)
