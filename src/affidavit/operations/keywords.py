"""Keywords: what a control source asks for, by data source; what is listed and what is accepted.

Listed is what Audit Manager lists. Accepted is that, and what is collected besides: the catalogue's
own keywords, those of `keyword_lists/beyond.yaml`, and any AWS Config rule by `Custom_` and name.
Everything that is accepted is collected; any other keyword is refused, with the nearest right one,
where Audit Manager stays silent.
"""

import difflib
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import yaml

from affidavit.collector import api_calls
from affidavit.model.catalogue import Catalogue
from affidavit.model.framework import SourceType
from affidavit.operations import cloudtrail_events
from affidavit.operations.caller import Caller
from affidavit.operations.context import Context, Operation
from affidavit.operations.pages import Pages

_CUSTOM_RULE: Final = re.compile(r"Custom_\S.*", re.ASCII)
SHOWN_AS: Final[Mapping[SourceType, tuple[str, str]]] = {
    SourceType.PROMPT_CHECK: ("AWS_API_Call", "bedrock-runtime_Converse"),
    SourceType.INVOCATION_LOG: ("AWS_API_Call", "logs_FilterLogEvents"),
}
"""Source types that Audit Manager does not have: how its API shows them (type, keyword)."""


@cache
def listed(source: str) -> tuple[str, ...]:
    """Return Audit Manager's keywords of a data source, sorted; none for MANUAL."""
    if source == "AWS_Cloudtrail":
        return cloudtrail_events.events()
    if source == "AWS_API_Call":
        return api_calls.keywords()
    files: Mapping[str, str] = {
        "AWS_Config": "config_rules",
        "AWS_Security_Hub": "security_hub",
    }
    if source not in files:
        return ()
    path = cloudtrail_events.LISTS / f"{files[source]}.yaml"
    groups: dict[str, list[str]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return tuple(sorted({keyword for group in groups.values() for keyword in group}))


def list_keywords_for_data_source(
    context: Context, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Answer the keywords of a data source, a page at a time."""
    pages = Pages(
        context=context, caller=caller, operation="ListKeywordsForDataSource", request=request
    )
    page, more = pages.of(listed(request["source"]), lambda keyword: (keyword, ""))
    return {"keywords": page, **more}


def problem(catalogue: Catalogue, source: str, keyword: str) -> str:
    """Return why `keyword` would bring no evidence from `source`, or an empty text."""
    own = _own(catalogue, source)
    if keyword in listed(source) or keyword in own:
        return ""
    if source == "AWS_Config" and _CUSTOM_RULE.fullmatch(keyword):
        return ""
    known = [*listed(source), *sorted(own)]
    nearest = {name.lower(): name for name in known}.get(keyword.lower(), "")
    # Only those of the same service: there are 11,000 CloudTrail keywords.
    near = [name for name in known if name.partition("_")[0] == keyword.partition("_")[0]]
    nearest = nearest or next(iter(difflib.get_close_matches(keyword, near, n=1)), "")
    hint = f"; the nearest is {nearest}" if nearest else ""
    if source == "AWS_Cloudtrail":
        hint = cloudtrail_events.why_not(keyword) or hint
    if source == "AWS_Config" and not nearest:
        hint = "; any other rule is named by Custom_ and its name"
    return f"Member must be a keyword of {source} (case matters){hint}"


def accepted(catalogue: Catalogue, source: str) -> list[str]:
    """Return every keyword of a data source that is collected, sorted; Config takes others too."""
    return sorted({*listed(source), *_own(catalogue, source)})


def _own(catalogue: Catalogue, source: str) -> set[str]:
    return {*_of_catalogue(catalogue, source), *_beyond().get(source, ())}


@cache
def _beyond() -> Mapping[str, list[str]]:
    path = cloudtrail_events.LISTS / "beyond.yaml"
    read: dict[str, list[str]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return read


def _of_catalogue(catalogue: Catalogue, source: str) -> frozenset[str]:
    found = set()
    for control in catalogue.framework.controls():
        for own in control.sources:
            shown = SHOWN_AS.get(own.type, (own.type.value, own.keyword))
            if shown[0] == source:
                found.add(shown[1])
    return frozenset(found)


HANDLERS: Mapping[str, Operation] = {
    "ListKeywordsForDataSource": list_keywords_for_data_source,
}
