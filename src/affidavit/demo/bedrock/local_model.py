"""A real small model behind our endpoint, from a user's GGUF file (extra `local-llm`).

llama.cpp in this process, through xllamacpp, on loopback and under a key of its own. Answers are
the model's: repeatable at temperature 0, and as good or bad as the model is.
"""

import secrets
import threading
from pathlib import Path
from typing import Any, Final

from affidavit.errors import EmulatorError

MODEL_ID: Final = "demo.local"
MAX_TOKENS: Final = 200
_CONTEXT: Final = 4096
_MAGIC: Final = b"GGUF"
_TEMPLATE: Final = "Question: {prompt}\nAnswer:"
"""Takes base models too, which have no form of conversation."""
_STOPS: Final = ("\nQuestion:", "\n\n")


class LocalModel:
    """One loaded model; asked by one thread at a time."""

    def __init__(self, path: Path, threads: int = 2) -> None:
        """Load the file; `EmulatorError` where it is no model or xllamacpp is missing."""
        try:
            with path.open("rb") as file:
                if file.read(len(_MAGIC)) != _MAGIC:
                    raise EmulatorError(f"{path} is no GGUF file", todo="Name a model in GGUF.")
        except OSError as error:
            raise EmulatorError(f"{path} cannot be read", why=str(error)) from error
        try:
            import xllamacpp
        except ModuleNotFoundError as error:
            raise EmulatorError(
                "A local model needs the extra local-llm",
                why=str(error),
                todo="pip install 'affidavit[local-llm]'",
            ) from error
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(path)
        parameters.n_ctx = _CONTEXT
        parameters.warmup = False
        parameters.verbosity = -1
        parameters.cpuparams.n_threads = threads
        parameters.api_keys = [secrets.token_hex(16)]
        self._lock = threading.Lock()
        try:
            self._server: Any = xllamacpp.Server(parameters)
        except RuntimeError as error:
            raise EmulatorError(f"{path} could not be loaded", why=str(error)) from error

    def answer(self, prompt: str) -> str:
        """Return what the model says to `prompt`."""
        asked = {
            "prompt": _TEMPLATE.format(prompt=prompt),
            "n_predict": MAX_TOKENS,
            "temperature": 0,
            "stop": list(_STOPS),
        }
        with self._lock:
            given = self._server.handle_completions(asked)
        return str(given["choices"][0]["text"]).strip()
