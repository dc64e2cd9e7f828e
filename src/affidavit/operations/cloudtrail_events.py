"""CloudTrail keywords: `<event source prefix>_<event name>`, made from botocore's service models.

All models together take 4 s and 400 MB to read, so that the list is made beforehand:

    python -m affidavit.operations.cloudtrail_events

writes `keyword_lists/cloudtrail.txt`; a test compares it with the installed botocore of the same
version. What is left out, and why, stands in `keyword_lists/cloudtrail.yaml`.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import botocore
import yaml
from botocore.loaders import create_loader

LISTS: Final = files("affidavit.operations") / "keyword_lists"
_DATED: Final = re.compile(r"/(\d{4})-(\d{2})-(\d{2})/")
_HEAD: Final = "# Made by `python -m affidavit.operations.cloudtrail_events` from botocore "


@cache
def events() -> tuple[str, ...]:
    """Return every keyword, sorted; from the list in the package."""
    found = []
    for line in (LISTS / "cloudtrail.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            source, _, names = line.partition(": ")
            found += [f"{source}_{name}" for name in names.split()]
    return tuple(sorted(found))


@cache
def rules() -> Mapping[str, Any]:
    """Return `keyword_lists/cloudtrail.yaml`."""
    read: dict[str, Any] = yaml.safe_load((LISTS / "cloudtrail.yaml").read_text(encoding="utf-8"))
    return read


def made_from() -> str:
    """Return the version of botocore that the list in the package was made from."""
    first = (LISTS / "cloudtrail.txt").read_text(encoding="utf-8").splitlines()[0]
    return first.removeprefix(_HEAD)


def generate() -> str:
    """Return the text of the list from the installed botocore, a line an event source."""
    by_source: dict[str, set[str]] = defaultdict(set)
    for keyword in _keywords():
        source, _, name = keyword.partition("_")
        by_source[source].add(name)
    lines = [f"{_HEAD}{botocore.__version__}"]
    lines += [f"{source}: {' '.join(sorted(names))}" for source, names in sorted(by_source.items())]
    return "\n".join(lines) + "\n"


def is_read_only(name: str) -> bool:
    """Tell whether an operation of this name counts as read-only by its first word."""
    return any(re.match(rf"{word}(?![a-z])", name) for word in rules()["read_only_prefixes"])


def why_not(keyword: str) -> str:
    """Return why an event is never collected, as the end of a sentence; empty for any other."""
    source, _, event = keyword.partition("_")
    if keyword in rules()["excluded"]:
        return "; Audit Manager leaves this event out"
    if source in rules()["data_services"] or event in rules()["data_events"].get(source, ()):
        return "; data events are not collected"
    return "; read-only events are not collected" if is_read_only(event) else ""


def _keywords() -> Iterator[str]:
    left_out = set(rules()["excluded"])
    yield from rules()["without_api"]
    for service in create_loader().list_available_services("service-2"):
        if service not in rules()["data_services"]:
            yield from set(_of_service(service)) - left_out


def _of_service(service: str) -> Iterator[str]:
    # A loader for each: it keeps what it has read, and all models together are 400 MB.
    model: dict[str, Any] = create_loader().load_service_model(service, "service-2")
    source = _event_source(model["metadata"])
    data = rules()["data_events"].get(source, ())
    for name, operation in model["operations"].items():
        if not (operation.get("readonly") or is_read_only(name) or name in data):
            yield f"{source}_{_event_name(source, name, operation)}"


def _event_source(metadata: Mapping[str, str]) -> str:
    source = metadata.get("signingName") or metadata["endpointPrefix"]
    known: Mapping[str, str] = rules()["event_sources"]
    return known.get(source, source)


def _event_name(source: str, name: str, operation: Mapping[str, Any]) -> str:
    dated = _DATED.match(operation["http"]["requestUri"]) if source == "lambda" else None
    if dated is None:
        return name
    return name + "".join(dated.groups()) + ("v2" if name in rules()["lambda_v2"] else "")


if __name__ == "__main__":
    Path(str(LISTS / "cloudtrail.txt")).write_text(generate(), encoding="utf-8")
