"""Catalogs of Iceberg tables: our own SQLite file, and those that pyiceberg's configuration names.

A catalog is a server of somebody else's: it may be away, refuse, or never answer. None of that may
end or hold a commit of evidence.
"""

from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from pyiceberg import exceptions
from pyiceberg.catalog import CatalogType, infer_catalog_type, load_catalog
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.utils.config import Config

from affidavit.aws.errors import CALL_ERRORS
from affidavit.errors import SettingsError

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

_RETRIES: Final = "glue.max-retries"
_GLUE_RETRIES: Final = 2
"""Where the configuration says nothing; pyiceberg's ten keep a commit waiting for ten minutes."""
_WRONG: Final = (
    ValueError,
    exceptions.ValidationError,
    exceptions.NotInstalledError,
    sa.exc.SQLAlchemyError,
)


@cache
def refusals() -> tuple[type[Exception], ...]:
    """Return what a catalog, or the files behind it, may raise for reasons of its own."""
    own = (
        one
        for one in vars(exceptions).values()
        if isinstance(one, type) and issubclass(one, Exception)
    )
    return (*own, OSError, ValueError, sa.exc.SQLAlchemyError, *CALL_ERRORS)


def configured(name: str, seconds: float) -> "Catalog":
    """Return a catalog of pyiceberg's configuration that waits so long for each answer.

    `SettingsError` where there is none of that name, or its properties are wrong; `refusals` where
    it cannot be reached.
    """
    try:
        found = Config().get_catalog_config(name) or {}
        kind = _kind(name, found)
        if kind is CatalogType.REST and "uri" in found:
            return _PatientRest(name, seconds, **found)
        if kind is CatalogType.GLUE:  # pyiceberg hands on what is no number where it is one
            found |= {_RETRIES: int(found.get(_RETRIES, _GLUE_RETRIES))}
        return load_catalog(name, **found)
    except _WRONG as error:
        raise _wrong(name, error) from error


def _kind(name: str, found: dict[str, Any]) -> CatalogType | None:
    """Return what kind of catalog is configured, as pyiceberg tells; none: somebody's own class."""
    if "py-catalog-impl" in found:
        return None
    named = found.get("type")
    return CatalogType(str(named).lower()) if named else infer_catalog_type(name, found)


def own(name: str, properties: dict[str, str]) -> "Catalog":
    """Return our own catalog, which is made where it is not there yet."""
    try:
        return load_catalog(name, **properties)
    except _WRONG as error:
        raise _wrong(name, error) from error


def _wrong(name: str, error: Exception) -> SettingsError:
    """Return the error of a catalog that is not there as the settings say."""
    return SettingsError(
        f"There is no Iceberg catalog {name!r}",
        why=" ".join(str(error).split()),
        todo=f"Configure it (PYICEBERG_CATALOG__{name.upper()}__URI and so on, or "
        ".pyiceberg.yaml), or set AFFIDAVIT_LAKE to sql.",
    )


class _PatientRest(RestCatalog):  # type: ignore[misc]
    """A REST catalog; pyiceberg's own waits for an answer for ever."""

    def __init__(self, name: str, seconds: float, **properties: Any) -> None:
        self._seconds = seconds
        super().__init__(name, **properties)

    def _create_session(self) -> Any:
        session = super()._create_session()
        session.request = partial(session.request, timeout=self._seconds)
        return session
