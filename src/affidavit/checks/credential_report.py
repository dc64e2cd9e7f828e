"""IAM's credential report: a CSV, base64 in the stored answer, one row per user."""

import base64
import binascii
import csv
import io
from collections.abc import Iterator

ROOT = "<root_account>"


class ReportError(ValueError):
    """The content is not a credential report; says what is wrong."""


def rows(content: object) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line number from 0, columns) of every user but the root user.

    Columns that a row lacks are missing from it. Raises `ReportError` where the content is no
    report: not base64, not UTF-8, or without the columns user and arn.
    """
    if not isinstance(content, str):
        raise ReportError("the credential report has no content")
    try:
        text = base64.b64decode(content, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ReportError(f"the credential report cannot be decoded: {error}") from error
    reader = csv.DictReader(io.StringIO(text), strict=True)
    if not {"user", "arn"} <= set(reader.fieldnames or ()):
        raise ReportError("the credential report has no columns user and arn")
    try:
        for number, row in enumerate(reader):
            found = {
                name: value
                for name, value in row.items()
                if isinstance(name, str) and isinstance(value, str)
            }
            if found.get("user") != ROOT:
                yield number, found
    except csv.Error as error:
        raise ReportError(f"the credential report is not CSV: {error}") from error
