"""The command line of the stand-alone verifier; `affidavit verify` does the same.

Exit codes: 0 verified, 1 not verified, 2 wrong use.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from .exports import is_export, verify_export
from .note import Key, KeyProblemError, read_key
from .outcome import Outcome, verify
from .summary import render

VERIFIED, NOT_VERIFIED, WRONG_USE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify one report or export and print what was found; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="affidavit-verify",
        description="Verify an Affidavit assessment report, or an export, offline.",
        epilog="Exit codes: 0 verified, 1 not verified, 2 wrong use.",
    )
    parser.add_argument("report", type=Path, help="the report's ZIP file, or an export")
    parser.add_argument("--key", help="public key: a PEM file, a verifier key, or a file with one")
    parser.add_argument("--previous", type=Path, help="an earlier report of the same tenant")
    parser.add_argument("--details", action="store_true", help="show the counts of each control")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    options = parser.parse_args(arguments)
    try:
        if options.previous and is_export(options.report):
            return _usage("--previous: an export holds no proofs that could be compared")
        key: Key | None = read_key(options.key) if options.key else None
        outcome = check(options.report, key, options.previous)
    except KeyProblemError as problem:
        return _usage(f"--key: {problem}")
    except OSError as error:
        return _usage(f"{error.filename}: {error.strerror}")
    show(outcome, as_json=options.json, details=options.details)
    return VERIFIED if outcome.verified else NOT_VERIFIED


def check(path: Path, key: Key | None, previous: Path | None) -> Outcome:
    """Verify a report, or an export where a file has an export's manifest beside it."""
    return verify_export(path, key) if is_export(path) else verify(path, key, previous)


def show(outcome: Outcome, *, as_json: bool, details: bool) -> None:
    """Print the outcome; characters that the terminal does not know are replaced."""
    if as_json:
        text = json.dumps(outcome.to_json(), indent=2, sort_keys=True)
    else:
        text = render(outcome, details=details)
    encoding = sys.stdout.encoding or "ascii"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding) + "\n")


def _usage(message: str) -> int:
    sys.stderr.write(f"affidavit-verify: {message}\n")
    return WRONG_USE
