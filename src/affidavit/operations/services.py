"""The services that evidence can come from, as data (`services.yaml`)."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import yaml


@cache
def services() -> tuple[Mapping[str, str], ...]:
    """Return Audit Manager's ServiceMetadata of each service, by name."""
    text = (files("affidavit.operations") / "services.yaml").read_text(encoding="utf-8")
    return tuple(
        {
            "name": name,
            "displayName": shown,
            "description": f"Evidence from {shown}",
            "category": category,
        }
        for name, (shown, category) in sorted(yaml.safe_load(text).items())
    )
