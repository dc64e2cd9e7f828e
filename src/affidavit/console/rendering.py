"""Templates to pages: Jinja2, every value escaped, every unknown name an error."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from affidavit import __version__
from affidavit.console import charts, texts
from affidavit.console.assets import FONTS, HTMX, Assets
from affidavit.console.page import Page, url_to
from affidavit.console.qr import qr_code
from affidavit.console.texts import mark
from affidavit.model.observation import GapReason
from affidavit.model.times import iso, parse
from affidavit.model.verdict import ControlState, Verdict

TEMPLATES: Final = Path(__file__).parent / "templates"
DONE: Final[Mapping[str, str]] = {
    "signed-out": mark("You are signed out."),
    "registered": mark("The account is set up. Assessments can be made now."),
    "created": mark("The assessment was created. Its first collection has begun."),
    "saved": mark("The change was saved."),
    "deleted": mark("It was deleted."),
    "inactive": mark("The assessment is inactive now, and read-only."),
    "status": mark("The status was changed."),
    "comment": mark("The comment was added."),
    "evidence": mark("The evidence was added."),
    "selected": mark("The evidence was added to the report selection."),
    "unselected": mark("The evidence was taken out of the report selection."),
    "report": mark("The report is being built. It appears here when it is complete."),
    "canary": mark("The canary was made. Its first run is due at once."),
    "suite": mark("The suite is kept. This is its newest version."),
    "stopped": mark("It is stopped after the case that is being asked."),
    "export": mark("It is being made. It can be downloaded here when it is complete."),
    "delegated": mark("The control set was delegated; the delegate was notified."),
    "withdrawn": mark("The delegation was withdrawn."),
    "submitted": mark("The control set was submitted to the audit owners."),
    "reviewed": mark("The control set is reviewed, and its delegations are complete."),
    "password": mark("The password was changed; your other sessions have ended."),
    "shared": mark("The request was sent. It is open for 120 days."),
    "accepted": mark("The framework is in your library now, among the custom ones."),
    "declined": mark("The request was declined; its sender sees that."),
    "revoked": mark("The request was revoked: it can be accepted no more."),
    "revoked-key": mark("The key was revoked: its requests are refused from now on."),
    "codes-on": mark("Sign-in asks for a one-time code from now on."),
    "codes-off": mark("Sign-in asks for no one-time code any more."),
}
"""What is said on a page after something was done; the address holds the key only."""
_STATUS_WORDS: Final[Mapping[str, str]] = {
    "ACTIVE": mark("Active"),
    "INACTIVE": mark("Inactive"),
    "UNDER_REVIEW": mark("Under review"),
    "REVIEWED": mark("Reviewed"),
    "IN_PROGRESS": mark("In progress"),
    "COMPLETE": mark("Complete"),
    "FAILED": mark("Failed"),
    "EXPIRING": mark("Expiring"),
    "EXPIRED": mark("Expired"),
    "REPLICATING": mark("Being copied"),
    "SHARED": mark("Shared"),
    "DECLINED": mark("Declined"),
    "REVOKED": mark("Revoked"),
    "STOPPED": mark("Stopped"),
    "KEPT": mark("Kept"),
    "FETCHING": mark("Being fetched"),
    "CREATE": mark("Created"),
    "UPDATE_METADATA": mark("Changed"),
    "DELETE": mark("Deleted"),
    "IMPORT_EVIDENCE": mark("Evidence added"),
    "ASSESSMENT": mark("Assessment"),
    "CONTROL_SET": mark("Control set"),
    "CONTROL": mark("Control"),
    "DELEGATION": mark("Delegation"),
    "ASSESSMENT_REPORT": mark("Assessment report"),
    "ENABLED": mark("Enabled"),
    "DISABLED": mark("Disabled"),
    "owner": mark("Audit owner"),
    "delegate": mark("Delegate"),
    "auditor": mark("Auditor"),
    "admin": mark("Administrator"),
    "AWS_API_Call": mark("AWS API call"),
    "AWS_Cloudtrail": mark("AWS CloudTrail event"),
    "AWS_Config": mark("AWS Config rule"),
    "AWS_Security_Hub": mark("AWS Security Hub control"),
    "MANUAL": mark("Manual evidence"),
    "email": mark("E-mail"),
    "sns": mark("SNS topic"),
    "set": mark("Control set"),
    "domain": mark("Control domain"),
    "passed": mark("Passed"),
    "undecided": mark("Undecided"),
    "not-asked": mark("Not asked"),
    "error": mark("Error"),
    "missed": mark("Missed"),
    "new": mark("New"),
    "firing": mark("Firing"),
    "resolved": mark("Resolved"),
    "missing": mark("Missing"),
    "expired": mark("Expired"),
    "present": mark("Present"),
    "done": mark("Done today"),
    "running": mark("Collecting now"),
    "waiting": mark("Next"),
    "failed": mark("Failed"),
}
_JOINTS: Final = re.compile(r"(?<=[_:/])(?=.)|(?<=[a-z0-9])(?=[A-Z])")
_ICONS: Final[Mapping[str, str]] = {"good": "✓", "part": "◐", "bad": "✕", "open": "?"}


class Renderer:
    """Renders templates; safe to share between threads."""

    def __init__(self, assets: Assets) -> None:
        self._own: Mapping[str, Any] = {
            "asset": assets.url,
            "has_htmx": assets.has(HTMX),
            "has_fonts": assets.has(FONTS),
            "htmx": HTMX,
            "fonts": FONTS,
        }

    def render(self, template: str, page: Page, values: Mapping[str, Any]) -> str:
        """Return a page as HTML."""
        return environment().get_template(template).render(page=page, **self._own, **values)


def warm() -> None:
    """Compile all templates: half a second, which else the first visitors of the pages wait for."""
    for name in environment().list_templates():
        environment().get_template(name)


@cache
def environment() -> Environment:
    """Return the environment of all templates, which keeps them compiled for every server."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    translations = texts.TRANSLATIONS
    made.extend(newstyle_gettext=True)
    made.install_gettext_callables(  # type: ignore[attr-defined] # of the i18n extension
        translations.gettext, translations.ngettext, newstyle=True
    )
    made.globals.update(
        url=url_to,
        charts=charts,
        language=texts.LANGUAGE,
        version=__version__,
        done=DONE,
        Verdict=Verdict,
        qr_code=qr_code,
    )
    made.filters.update(
        time=time_words,
        iso=iso,
        day=day_words,
        words=words,
        icon=icon,
        kind=kind,
        number=number,
        bytes=byte_words,
        who=who,
        gap=gap_words,
        zipped=zipped,
        moment=moment,
        date=date.fromisoformat,
        percent=percent,
        signed=signed,
        outcomes=charts.outcomes,
        breakable=breakable,
    )
    return made


def time_words(value: datetime) -> str:
    """Return a time as it is shown: to the minute, in UTC."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def moment(text: str) -> Markup:
    """Return a time that is kept as text, as it is shown; the local one on hover."""
    return Markup('<time datetime="{}" class="nowrap">{}</time>').format(
        text, time_words(parse(text))
    )


def percent(rate: float) -> str:
    """Return a rate in percent."""
    return f"{rate:.1%}"


def signed(difference: float) -> str:
    """Return a difference of rates in percentage points, with its sign."""
    return f"{difference * 100:+.1f}"


def day_words(value: date) -> str:
    """Return a day as it is shown."""
    return value.isoformat()


def words(value: str) -> str:
    """Return the word for a verdict, a state, a status or an action."""
    if isinstance(value, Verdict | ControlState):
        return texts._(value.words)
    known = _STATUS_WORDS.get(value)
    if known is None and value in Verdict.__members__:
        return texts._(Verdict(value).words)
    return texts._(known) if known else value.replace("_", " ").capitalize()


def icon(value: str) -> str:
    """Return the sign of a verdict or state: never the colour alone tells it."""
    return _ICONS[charts.KINDS[value]]


def kind(value: str) -> str:
    """Return the class that a verdict or state is drawn with: good, part, bad or open."""
    return charts.KINDS[value]


def number(value: int) -> str:
    """Return a whole number with its thousands apart."""
    return f"{value:,}"


def byte_words(value: int | str) -> str:
    """Return a size in words."""
    size = float(value)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:  # noqa: PLR2004 - of the decimal units
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def who(arn: str) -> str:
    """Return the part of an ARN that people know somebody by."""
    return arn.rpartition("/")[2].rpartition(":")[2] or arn


def gap_words(reason: str) -> str:
    """Return a gap's reason in words."""
    return GapReason(reason).words if reason in set(GapReason) else reason.replace("_", " ")


def breakable(name: str) -> Markup:
    """Return a long name that may be broken where its words meet, not within one."""
    return Markup("<wbr>").join(_JOINTS.split(name))


def zipped(values: Iterable[str]) -> list[tuple[str, str]]:
    """Return values as choices that are called what they are."""
    return [(value, value) for value in values]
