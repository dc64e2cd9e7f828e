"""Sets whose source a person must configure first: scans of invocation logs."""

from affidavit.checks.drafts import View
from affidavit.checks.places import RecordSet
from affidavit.model.observation import GapReason


def invocation_scan(view: View) -> RecordSet:
    """Return no scan of an invocation log, and why: scanning is not configured."""
    return _gap(view, "FilterLogEvents", "Invocation log scanning is not configured.")


def _gap(view: View, key: str, message: str) -> RecordSet:
    reason = GapReason.NOT_CONFIGURED
    return view.finish((), [view.answers.gap(key, view.region, {}, reason, message)])
