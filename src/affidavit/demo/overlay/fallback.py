"""moto behind the estate: whatever else a tool may ask, in the account of the caller.

moto is loaded and given the estate's buckets and users when it is first needed; the product's own
questions never come here.
"""

import logging
import os
import threading
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from affidavit.demo.world import World

_log = logging.getLogger(__name__)


class Fallback:
    """moto's server application, made when first asked."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Serve one request (PEP 3333)."""
        with self._lock:
            application = self._application
        answer: Iterable[bytes] = application(environ, start_response)
        return answer

    @cached_property
    def _application(self) -> Any:
        os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        _log.info("Loading moto for what the estate does not answer")
        self._seed()
        return DomainDispatcherApplication(create_backend_app)

    def _seed(self) -> None:
        """Make the estate's buckets and users known to moto."""
        from moto.iam.models import iam_backends
        from moto.s3.models import s3_backends

        for account in self._world.accounts.values():
            place = self._world.place(account.id, self._world.estate.regions.enabled[0])
            for bucket in place.buckets():
                s3_backends[account.id]["aws"].create_bucket(bucket.name, bucket.region)
            for _, name, _ in place.users():
                iam_backends[account.id]["aws"].create_user(region_name="us-east-1", user_name=name)
