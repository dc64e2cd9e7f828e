"""`python -m affidavit.demo.bedrock`: the endpoint as a process of its own, until it is ended."""

import argparse
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

from affidavit.demo.bedrock.local_model import LocalModel
from affidavit.demo.bedrock.server import serve
from affidavit.errors import EmulatorError


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until standard input ends; write the endpoint's URL first."""
    parser = argparse.ArgumentParser(prog="python -m affidavit.demo.bedrock")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=20260101)
    parser.add_argument("--log-folder", type=Path, help="where invocation logs are written")
    parser.add_argument("--model", type=Path, help="GGUF file of a real model: id demo.local")
    given = parser.parse_args(arguments)
    try:
        local = LocalModel(given.model) if given.model else None
    except EmulatorError as error:
        sys.stderr.write(f"{error.diagnostics()}\n")
        return EmulatorError.exit_code
    with (
        contextlib.suppress(KeyboardInterrupt),
        serve(seed=given.seed, log_folder=given.log_folder, port=given.port, local=local) as url,
    ):
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
