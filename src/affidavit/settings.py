"""Settings: environment variables over one TOML file over defaults, frozen once read.

Every field has an entry in `docs/reference/settings.md`; a test compares the two.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from affidavit.errors import SettingsError

PREFIX = "AFFIDAVIT_"


def _default_keys() -> Path:
    """Return the folder for keys outside the data folder (XDG base directory specification)."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "affidavit" / "keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set; each field is `AFFIDAVIT_<NAME>` or `<name>` in the TOML file."""

    home: Path = Path("affidavit-data")
    """Where state lives: database, segments, blobs, tiles."""
    database_url: str = ""
    """SQLAlchemy URL of the database; empty: SQLite in `home`."""
    objects: str = ""
    """Where segments and blobs lie: a folder or s3://bucket/prefix; empty: in `home`."""
    objects_endpoint: str = ""
    """URL of the S3 server; empty: AWS, or AWS_ENDPOINT_URL_S3."""
    objects_region: str = ""
    """Region of the bucket; empty: as for every AWS tool."""
    objects_encryption: str = ""
    """What S3 is asked to encrypt with: AES256, aws:kms, or a KMS key's ARN; empty: its default."""
    objects_lock_days: int = 0
    """Days for which Object Lock keeps checkpoints and bodies from deletion; 0: not locked."""
    cache: str = ""
    """Folder for copies of segments from S3 or opened ones; empty: see `cache_folder`."""
    cache_megabytes: int = 4096
    """Size that the copies are held below."""
    seal_segments: bool = False
    """Whether evidence segments are encrypted at rest; bodies and attached files always are."""
    retention_days: int = 730
    """Days that `affidavit serve` keeps evidence, unless a tenant's rule says otherwise; 0: all."""
    keys: Path = field(default_factory=_default_keys)
    """Folder of the signing, master and HMAC keys, apart from the data."""
    key_passphrase: str = ""
    """Passphrase of the signing key's file; empty: the file itself is mode 0600."""
    timestamp_url: str = ""
    """RFC 3161 time-stamping service for checkpoints; empty: none."""
    concurrency: int = 8
    """AWS calls under way at once in a run."""
    call_timeout: int = 30
    """Seconds until a single AWS call counts as timed out."""
    requests_per_second: int = 20
    """Token bucket for each account, Region and service."""
    lookups_per_second: int = 2
    """Token bucket of cloudtrail:LookupEvents for each account and Region; AWS's own quota."""
    activity_minutes: int = 15
    """Pause until `affidavit serve` asks CloudTrail for new events again; 0: once a day only."""
    long_tasks: int = 2
    """Exports and runs of prompts, each of another tenant, that a server makes at once."""
    engine: str = ""
    """Spark Connect server (sc://host:port) that the finder asks; empty: the embedded engine."""
    lake: str = ""
    """Iceberg catalog that evidence is published to; `sql`: a file of ours; empty: none."""
    sentence_model: str = ""
    """Folder with the files of all-MiniLM-L6-v2, for `--meaning`; empty: the installed package."""
    metrics_token: str = field(default="", repr=False)
    """What who reads /metrics must show; empty: only this machine may read them, by no proxy."""
    oidc_issuer: str = ""
    """URL of the OpenID provider that people sign in by; empty: none."""
    oidc_client_id: str = ""
    """Client id that the provider gave."""
    oidc_client_secret: str = field(default="", repr=False)
    """Client secret that the provider gave; empty: a public client, with PKCE alone."""
    oidc_personas: tuple[str, ...] = ()
    """Who may be what: group=role@account/Region, blanks or commas between."""
    oidc_groups_claim: str = "groups"
    """Claim of the ID token that lists a user's groups."""
    oidc_scope: str = "openid profile"
    """Scopes that are asked for, with blanks between."""
    oidc_userinfo: bool = False
    """Whether groups are asked for at the provider's userinfo endpoint as well."""
    oidc_sign_out: bool = False
    """Whether who signs out here is sent to the provider to sign out there too."""
    oidc_networks: tuple[str, ...] = ()
    """Networks (CIDR) that are not public and in which the provider may be."""
    reserved_buckets: tuple[str, ...] = ()
    """S3 buckets of the installation itself (backups, checkpoints): no tenant may name them."""

    @property
    def database(self) -> str:
        """Return the SQLAlchemy URL that is really used."""
        return self.database_url or f"sqlite:///{self.home / 'affidavit.db'}"

    @property
    def object_folder(self) -> Path:
        """Return the folder that segments and blobs are written to, unless that is on S3."""
        return Path(self.objects).expanduser() if self.objects else self.home / "objects"

    @property
    def own_buckets(self) -> frozenset[str]:
        """Return the buckets of the installation: that of its objects, and the reserved ones."""
        own = [self.objects.removeprefix("s3://").partition("/")[0]] if self.objects_on_s3 else []
        return frozenset({*own, *self.reserved_buckets})

    @property
    def objects_on_s3(self) -> bool:
        """Return whether segments and blobs lie in a bucket."""
        return self.objects.startswith("s3://")

    @property
    def cache_folder(self) -> Path:
        """Return the folder for copies: they can be lost at any time."""
        return Path(self.cache).expanduser() if self.cache else self.home / "cache"


def load(
    environ: Mapping[str, str] | None = None, toml: Path | None = None, **given: object
) -> Settings:
    """Return the settings from `given` values, the environment and the TOML file, in this order.

    The TOML file is `toml`, else the file named by `AFFIDAVIT_CONFIG`, else none. Raises
    `SettingsError` for an unknown name, an unreadable file, or a value of the wrong kind.
    """
    environ = os.environ if environ is None else environ
    path = toml or (Path(environ["AFFIDAVIT_CONFIG"]) if environ.get("AFFIDAVIT_CONFIG") else None)
    merged: dict[str, object] = _from_toml(path) if path else {}
    known = {f.name for f in fields(Settings)}
    for name in known:
        value = environ.get(PREFIX + name.upper())
        if value:
            merged[name] = value
    merged.update({name: value for name, value in given.items() if value is not None})
    unknown = sorted(set(merged) - known)
    if unknown:
        raise SettingsError(
            f"Unknown setting: {', '.join(unknown)}",
            why=f"Known settings are {', '.join(sorted(known))}.",
            todo=f"Correct the name in {path}." if path else "Correct the name.",
        )
    values: dict[str, Any] = {name: _convert(name, value) for name, value in merged.items()}
    return Settings(**values)


def _from_toml(path: Path) -> dict[str, object]:
    try:
        return dict(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(
            f"The settings file {path} cannot be read",
            why=str(error),
            todo="Correct the file or unset AFFIDAVIT_CONFIG.",
        ) from error


_WHOLE_NUMBERS = frozenset(
    {
        *("concurrency", "call_timeout", "requests_per_second", "lookups_per_second"),
        *("objects_lock_days", "cache_megabytes", "retention_days", "activity_minutes"),
        "long_tasks",
    }
)
_FROM_ZERO = frozenset({"objects_lock_days", "retention_days", "activity_minutes"})
_WORDS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
_TRUTHS = frozenset({"seal_segments", "oidc_userinfo", "oidc_sign_out"})
_PATHS = frozenset({"home", "keys"})
_LISTS = frozenset({"reserved_buckets", "oidc_personas", "oidc_networks"})


def _convert(name: str, value: object) -> object:
    if name in _PATHS:
        return Path(str(value)).expanduser()
    if name in _LISTS:
        return tuple(value if isinstance(value, list) else str(value).replace(",", " ").split())
    if name in _TRUTHS:
        return _truth(name, str(value).lower())
    if name not in _WHOLE_NUMBERS:
        return str(value)
    text, least = str(value), 0 if name in _FROM_ZERO else 1
    if not text.isdecimal() or int(text) < least:
        raise SettingsError(
            f"{PREFIX}{name.upper()} is {text!r}",
            why=f"It must be a whole number of at least {least}.",
            todo="Set it to a number or unset it.",
        )
    return int(text)


def _truth(name: str, text: str) -> bool:
    if text not in _WORDS:
        raise SettingsError(
            f"{PREFIX}{name.upper()} is {text!r}", why="It must be yes or no.", todo="Correct it."
        )
    return _WORDS[text]
