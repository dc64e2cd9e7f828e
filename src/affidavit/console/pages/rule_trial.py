"""Trying a rule: an expression, and what it would say of an assessment's latest answers."""

import json

from starlette.responses import Response

from affidavit.console.page import Page
from affidavit.console.views import act, view
from affidavit.operations import rule_trials
from affidavit.operations.rule_trials import Trial

FIELDS = ("set", "applies", "compliant", "inconclusive", "params")


def show(page: Page) -> Response:
    """Show the form: empty, as it was sent, or with a check of the catalogue (`check`)."""
    return _show(page, None)


def attempt(page: Page) -> Response:
    """Try the rule, and show what came out beside it."""
    page.require(rule_trials.OPERATION)
    texts = {name: page.form.text(name) for name in FIELDS}
    trial = rule_trials.attempt(
        page.context,
        page.caller,
        page.form.text("assessment"),
        rule_trials.rule_of(texts),
        texts["params"],
    )
    return _show(page, trial)


def _show(page: Page, trial: Trial | None) -> Response:
    page.require(rule_trials.OPERATION)
    check = rule_trials.example(page.context, page.query("check"))
    given = {"set": "bucket", "applies": "true", "compliant": "", "inconclusive": "", "params": ""}
    if check is not None:
        given = {
            "set": check.resource_set,
            "applies": check.applies,
            "compliant": check.compliant,
            "inconclusive": check.inconclusive,
            "params": json.dumps(dict(check.params), indent=2) if check.params else "",
        }
    assessments = page.ask_all("ListAssessments", "assessmentMetadata")
    return page.show(
        "controls/try.html",
        trial=trial,
        given=given,
        sets=rule_trials.kinds_of_records(page.context),
        assessments=[(one["id"], one["name"]) for one in assessments],
        checks=sorted(page.context.catalogue.checks),
        chosen=page.query("check"),
    )


VIEWS = (
    view("/controls/try", show, "Try a rule on the latest answers"),
    act("/controls/try", attempt, show),
)
