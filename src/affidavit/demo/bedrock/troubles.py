"""Models that fail on demand: by their id, each in a way of its own."""

import threading
from collections import Counter
from typing import Final

from affidavit.demo.overlay.registry import AwsError

TROUBLES: Final = {
    "demo.denied": ("AccessDeniedException", 403, "You don't have access to the model."),
    "demo.throttled": ("ThrottlingException", 429, "Too many requests, please wait."),
    "demo.quota": ("ServiceQuotaExceededException", 400, "Your account's quota is exceeded."),
    "demo.failing": ("ModelErrorException", 424, "The model did not process the request."),
    "demo.not-found": ("ResourceNotFoundException", 404, "The model is not found."),
}
BROKEN: Final = "demo.broken"
"""Its stream ends in the midst of the answer; not streamed, the body is cut off."""
TORN: Final = "demo.torn"
"""Its connection ends in the midst of a frame."""
STREAM_ERROR: Final = "demo.stream-error"
"""Its stream ends with an exception."""
LARGE: Final = "demo.large"
"""It answers with 5 MB."""
NOT_UTF8: Final = "demo.not-utf8"
HTML: Final = "demo.html"
NO_CONVERSE: Final = "demo.no-converse"
"""Converse does not take it."""
ONCE: Final = "demo.throttled-once"
"""Every second call is throttled, the first one too."""


class Troubles:
    """What goes wrong, in turn."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()

    def strike(self, model_id: str, operation: str) -> None:
        """Raise the model's `AwsError`, if it has one for this call."""
        if model_id in TROUBLES:
            code, status, said = TROUBLES[model_id]
            raise AwsError(code, said, status)
        if model_id == NO_CONVERSE and operation.startswith("Converse"):
            said = "This action doesn't support the model that you provided. Try again with a "
            raise AwsError("ValidationException", f"{said}supported text or chat model.", 400)
        with self._lock:
            self._calls[model_id] += 1
            turn = self._calls[model_id]
        if model_id == ONCE and turn % 2:
            raise AwsError("ThrottlingException", "Too many requests, please wait.", 429)
