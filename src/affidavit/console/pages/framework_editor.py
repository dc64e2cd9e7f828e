"""Editing a custom framework: its texts, control sets, their controls and the order of both.

The whole draft is one form: moving, adding and finding send it and show it again, and nothing is
written before Save. So it works without JavaScript, and two tabs do not disturb each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from starlette.responses import Response

from affidavit.console.forms import free_key
from affidavit.console.page import Page, path_to
from affidavit.console.texts import _
from affidavit.console.views import act, view
from affidavit.errors import UsageError

KINDS: Final = ("Standard", "Core", "Custom")
HITS: Final = 40
"""Controls that a search shows."""
_TEXTS: Final = ("name", "description", "complianceType")
_MOVES: Final = {"up": -1, "down": 1}
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftSet:
    """One control set of the draft."""

    key: str
    """What its fields are named by in the form."""
    id: str
    """Empty where it is new."""
    name: str
    controls: tuple[str, ...]
    """Ids, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A control of the library as the editor shows it."""

    id: str
    name: str
    kind: str
    sources: str


def ask_new(page: Page) -> Response:
    """Show the editor of a new framework: empty, or filled from another one (`from`)."""
    page.require("CreateAssessmentFramework")
    source = page.query("from")
    given = _framework(page, source) if source else {}
    name = _("Copy of %(name)s") % {"name": given["name"]} if given else ""
    return _show(page, {**given, "name": name}, _draft(page, given, copied=True))


def ask_edit(page: Page) -> Response:
    """Show the editor of a custom framework."""
    page.require("UpdateAssessmentFramework")
    given = _custom(page)
    return _show(page, given, _draft(page, given))


def create(page: Page) -> Response:
    """Make the framework, or go on editing it."""
    page.require("CreateAssessmentFramework")
    draft = _acted(page, _draft(page, {}))
    if page.form.text("do") != "save":
        return _show(page, {}, draft)
    answer = page.ask("CreateAssessmentFramework", **_members(page, draft, with_ids=False))
    return page.go(path_to("frameworks", answer["framework"]["id"]), "saved")


def save(page: Page) -> Response:
    """Save the framework, or go on editing it; assessments that were made from it stay."""
    page.require("UpdateAssessmentFramework")
    given = _custom(page)
    draft = _acted(page, _draft(page, given))
    if page.form.text("do") != "save":
        return _show(page, given, draft)
    members = _members(page, draft, with_ids=True)
    page.ask("UpdateAssessmentFramework", frameworkId=given["id"], **members)
    return page.go(path_to("frameworks", given["id"]), "saved")


def _framework(page: Page, identifier: str) -> dict[str, Any]:
    answer = page.ask("GetAssessmentFramework", frameworkId=identifier)
    return dict(answer["framework"])


def _custom(page: Page) -> dict[str, Any]:
    given = _framework(page, page.identifier("framework"))
    if given["type"] != "Custom":
        raise UsageError(
            _("A standard framework stays as it is."), todo=_("Copy it, and edit the copy.")
        )
    return given


def _draft(page: Page, given: dict[str, Any], *, copied: bool = False) -> list[DraftSet]:
    """Return the control sets as the form has them, else as the framework has."""
    form = page.form
    if form.fields:
        return [
            DraftSet(
                key=key,
                id=form.text(f"set-id-{key}"),
                name=form.text(f"set-name-{key}"),
                controls=tuple(dict.fromkeys(form.many(f"control-{key}"))),
            )
            for key in dict.fromkeys(form.many("key"))
        ]
    return [
        DraftSet(
            key=str(number),
            id="" if copied else one["id"],
            name=one["name"],
            controls=tuple(control["id"] for control in one["controls"]),
        )
        for number, one in enumerate(given.get("controlSets", ()))
    ]


def _acted(page: Page, draft: list[DraftSet]) -> list[DraftSet]:
    """Return the draft after what the pressed button says."""
    what, _blank, rest = page.form.text("do").partition(" ")
    key, _blank, control = rest.partition(" ")
    if what == "add-set":
        return [*draft, _new_set(page, draft)]
    if what == "add":
        return [_with(one, page.form.many("add")) if _is_into(page, one) else one for one in draft]
    if what == "drop":
        return [one for one in draft if one.key != key]
    place = next((n for n, one in enumerate(draft) if one.key == key), None)
    if place is None:
        return draft
    if what in _MOVES:
        return _moved(draft, place, _MOVES[what])
    if what == "raise" and control in draft[place].controls:
        own = list(draft[place].controls)
        draft[place] = replace(draft[place], controls=tuple(_moved(own, own.index(control), -1)))
    return draft


def _moved(items: list[_Item], place: int, by: int) -> list[_Item]:
    moved = [*items]
    moved.insert(max(place + by, 0), moved.pop(place))
    return moved


def _new_set(page: Page, draft: Sequence[DraftSet]) -> DraftSet:
    key = free_key({one.key for one in draft})
    return DraftSet(key=key, id="", name=page.form.text("new-set"), controls=())


def _is_into(page: Page, one: DraftSet) -> bool:
    return one.key == page.form.text("into")


def _with(one: DraftSet, added: Sequence[str]) -> DraftSet:
    return replace(one, controls=tuple(dict.fromkeys([*one.controls, *added])))


def _members(page: Page, draft: Sequence[DraftSet], *, with_ids: bool) -> dict[str, Any]:
    sets = [
        {
            **({"id": one.id} if with_ids and one.id else {}),
            "name": one.name,
            "controls": [{"id": control} for control in one.controls],
        }
        for one in draft
    ]
    if not sets:
        raise UsageError(_("A framework has at least one control set."))
    texts = {name: page.form.text(name) or None for name in _TEXTS}
    return {**texts, "name": page.form.text("name"), "controlSets": sets}


def _known(page: Page) -> dict[str, Named]:
    """Return every control of the library by its id."""
    return {
        one["id"]: Named(
            id=one["id"], name=one["name"], kind=kind, sources=one.get("controlSources", "")
        )
        for kind in KINDS
        for one in page.ask_all("ListControls", "controlMetadataList", controlType=kind)
    }


def _show(page: Page, given: dict[str, Any], draft: Sequence[DraftSet]) -> Response:
    known = _known(page)
    words = page.form.text("q").lower().split()
    kind = page.form.text("kind")
    hits = [
        one
        for one in known.values()
        if words and kind in ("", one.kind) and all(word in one.name.lower() for word in words)
    ]
    return page.show(
        "frameworks/edit.html",
        given=given,
        editing=given.get("id", "") if "framework" in page.request.path_params else "",
        draft=draft,
        known=known,
        kinds=KINDS,
        searched=bool(words),
        hits=hits[:HITS],
        more=max(0, len(hits) - HITS),
    )


VIEWS = (
    view("/frameworks/new", ask_new, "Create a custom framework, or copy and edit one"),
    act("/frameworks/new", create, ask_new),
    view("/frameworks/{framework}/edit", ask_edit, "Edit a custom framework"),
    act("/frameworks/{framework}/edit", save, ask_edit),
)
