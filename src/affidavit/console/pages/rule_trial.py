"""Trying a rule on an assessment's latest answers, and keeping it with a source of a control."""

import json
from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from affidavit.catalogue.framework_files import SEVERITIES
from affidavit.console.page import Page, path_to
from affidavit.console.views import act, view
from affidavit.model.framework import Rule
from affidavit.operations import rule_trials, source_rules
from affidavit.operations.rule_trials import Trial
from affidavit.operations.source_rules import Carried

FIELDS: Final = (
    *("set", "applies", "compliant", "inconclusive", "params"),
    *("words", "remedy", "severity"),
)


def show(page: Page) -> Response:
    """Show the form: empty, as it was sent, or with a check of the catalogue (`check`)."""
    return _show(page, None)


def show_kept(page: Page) -> Response:
    """Show the rule that a source has, to be tried, changed, or taken off."""
    page.require(source_rules.OPERATION)
    return _show(page, None)


def attempt(page: Page) -> Response:
    """Try the rule, and show what came out beside it; or keep it."""
    page.require(rule_trials.OPERATION)
    texts = {name: page.form.text(name) for name in FIELDS}
    rule = source_rules.rule_of(texts)
    if page.form.text("do") == "keep":
        control, _blank, source = page.form.text("source").partition(" ")
        return _keep(page, (control, source), rule, texts["params"])
    trial = rule_trials.attempt(
        page.context, page.caller, page.form.text("assessment"), rule, texts["params"]
    )
    return _show(page, trial)


def clear(page: Page) -> Response:
    """Take the rule off."""
    at = page.identifier("control"), page.identifier("source")
    source_rules.clear_rule(page.context, page.caller, at)
    return page.go(path_to("controls", at[0]), "saved")


def _keep(page: Page, at: tuple[str, str], rule: Rule, parameters: str) -> Response:
    source_rules.set_rule(page.context, page.caller, at, rule, parameters)
    return page.go(path_to("controls", at[0]), "saved")


def _given(page: Page, source: Carried | None) -> Mapping[str, str]:
    """Return what the form begins with: a source's rule, a check's, or nothing."""
    check = rule_trials.example(page.context, page.query("check"))
    rule = source.rule if source else None
    about = source_rules.about(page.context, source) if source else ""
    given = {"set": about or "bucket", "applies": "true", "severity": "medium"}
    if rule is not None:
        texts = {name: getattr(rule, name) for name in FIELDS if name not in ("set", "params")}
        given |= {**texts, "set": rule.resource_set, "params": _json(rule.params)}
    elif check is not None:
        given |= {
            "set": check.resource_set,
            "applies": check.applies,
            "compliant": check.compliant,
            "inconclusive": check.inconclusive,
            "params": _json(check.params),
            "words": check.words,
            "remedy": check.remedy,
        }
    return dict.fromkeys(FIELDS, "") | given


def _json(params: Mapping[str, object]) -> str:
    return json.dumps(dict(params), indent=2) if params else ""


def _places(page: Page) -> list[tuple[str, str]]:
    """Return the sources that may keep a rule, "control source" and in words."""
    if not page.may(source_rules.OPERATION):
        return []
    return [
        (f"{control} {one.source_id}", f"{name}: {one.name or one.keyword}")
        for control, name, one in source_rules.places(page.context, page.caller)
    ]


def _show(page: Page, trial: Trial | None) -> Response:
    page.require(rule_trials.OPERATION)
    at, control, source = ("", ""), "", None
    if "source" in page.request.path_params:
        at = page.identifier("control"), page.identifier("source")
        control, source = source_rules.carried_at(page.context, page.caller, at)
    assessments = page.ask_all("ListAssessments", "assessmentMetadata")
    return page.show(
        "controls/try.html",
        trial=trial,
        given=_given(page, source),
        source=source,
        control=control,
        at=at,
        places=_places(page),
        severities=SEVERITIES,
        sets=rule_trials.kinds_of_records(page.context),
        assessments=[(one["id"], one["name"]) for one in assessments],
        checks=sorted(page.context.catalogue.checks),
        chosen=page.query("check"),
    )


_KEPT: Final = "/controls/{control}/rules/{source}"
VIEWS = (
    view("/controls/try", show, "Try a rule on the latest answers, and keep it"),
    act("/controls/try", attempt, show),
    view(_KEPT, show_kept, "The rule of a custom control's source"),
    act(_KEPT, attempt, show_kept),
    act(f"{_KEPT}/clear", clear, show_kept),
)
