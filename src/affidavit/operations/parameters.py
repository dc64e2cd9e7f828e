"""The user's own parameters, from a YAML file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from affidavit.errors import UsageError

MAX_BYTES = 1_000_000
"""A file of parameters is read whole; nobody writes a larger one by hand."""

UNREADABLE = (OSError, ValueError, AttributeError, yaml.YAMLError, RecursionError)
"""What reading a YAML file may raise: PyYAML lets through what a scalar raises, as of a day that no
calendar has or of a !!timestamp of none."""

Parameters = Mapping[str, Mapping[str, Any]]


def read_parameters(path: Path) -> tuple[Parameters, str]:
    """Return the parameters by check id and name, and the `why` that stands beside them.

    Raises `UsageError` when the file cannot be read or has another shape; whether the checks and
    names exist is seen when the run starts.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _wrong(path, f"it is larger than {MAX_BYTES:,} bytes")
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except UNREADABLE as error:
        raise _wrong(path, str(error)) from error
    if not isinstance(loaded, dict):
        raise _wrong(path, "it is not a mapping of check ids")
    why = loaded.pop("why", "")
    if not isinstance(why, str):
        raise _wrong(path, "`why` is not a text")
    for check_id, values in loaded.items():
        if not isinstance(check_id, str) or not isinstance(values, dict):
            raise _wrong(path, f"{check_id!r} does not hold parameters by name")
    return loaded, why


def _wrong(path: Path, why: str) -> UsageError:
    return UsageError(
        f"The parameters in {path} cannot be used",
        why=why,
        todo="Write check ids at the top, and under each its parameters by name; and `why: text`.",
    )
