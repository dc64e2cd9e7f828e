"""`python -m affidavit.demo.bedrock`: the endpoint as a process of its own, until it is ended."""

import argparse
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

from affidavit.demo.bedrock.server import serve


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until standard input ends; write the endpoint's URL first."""
    parser = argparse.ArgumentParser(prog="python -m affidavit.demo.bedrock")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=20260101)
    parser.add_argument("--log-folder", type=Path, help="where invocation logs are written")
    given = parser.parse_args(arguments)
    with (
        contextlib.suppress(KeyboardInterrupt),
        serve(seed=given.seed, log_folder=given.log_folder, port=given.port) as url,
    ):
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
