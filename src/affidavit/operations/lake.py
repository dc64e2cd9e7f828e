"""Publishing evidence for other engines."""

from affidavit.settings import Settings
from affidavit.store import open_store
from affidavit.store.lake import Published


def publish(settings: Settings, tenant: str | None) -> list[Published]:
    """Make the Iceberg tables of one tenant, or of all, name exactly the committed evidence."""
    with open_store(settings, create=False) as store:
        chosen = [tenant] if tenant else store.tenants()
        return [store.lake.publish(one) for one in chosen]
