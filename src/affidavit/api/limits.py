"""How much one request may ask of the server."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of the door; `server` makes them from the settings."""

    body_bytes: int = 1_048_576
    """Longest request body. The largest real one, a framework of a thousand controls, is 60 KB."""
    held_bytes: int = 67_108_864
    """Bodies of all requests together that are being read or answered: none is signed yet."""
    header_bytes: int = 65_536
    """All headers of a request together."""
    body_seconds: float = 20.0
    """Until the whole body must be here."""
    threads: int = 8
    """Operations under way at once."""
    waiting: int = 256
    """Requests that may wait for a thread; more are answered with ThrottlingException."""
