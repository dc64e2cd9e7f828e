"""Sources that nobody has set up: prompts and invocation logs, until a target is configured."""

from collections.abc import Iterator, Mapping

from affidavit.model.observation import Gap, GapReason, Result
from affidavit.sources.source import Scope

FAN_OUT = "not_configured"
"""Fan-out of operations that are only asked once something is configured."""
FAN_OUTS = (FAN_OUT, "invocation_log", "trail_files")
"""Fan-outs whose operations are never asked of AWS as they stand, but by a source of their own."""

WORDS: Mapping[str, str] = {
    "bedrock-runtime": (
        "No model is configured as a target of prompts; nothing was sent. Prompts are run once a "
        "suite has a target."
    ),
    "logs": ("No scanner of invocation logs was given to this collection: none was read."),
    "s3": ("No reader of trail files was given to this collection: none was read."),
}
"""What is missing, by service."""


class NotConfiguredSource:
    """Says of each question that its source is not configured; asks nothing."""

    def observe(self, scope: Scope) -> Iterator[Result]:
        """Yield the gap not configured for each question."""
        operation = scope.operation
        for unit in scope.units:
            yield Gap(
                unit=unit,
                service=operation.service,
                operation=operation.operation,
                reason=GapReason.NOT_CONFIGURED,
                code="",
                message=WORDS.get(operation.service, "This source is not configured."),
                proof=None,
            )
