"""A provider that does not answer: sign-in waits for it, the rest of the console does not."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from affidavit.errors import UsageError
from affidavit.operations.faults import ThrottlingFault
from affidavit.operations.openid import OpenId
from affidavit.operations.openid_provider import AT_ONCE, AVOIDED

pytestmark = [pytest.mark.enable_socket]


@contextmanager
def silent() -> Iterator[tuple[str, list[socket.socket]]]:
    """Give the address of a provider that takes connections and says nothing, and what it took."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take() -> None:
            while True:
                try:
                    taken.append(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}", taken
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
            for one in taken:
                one.close()


def _openid(fresh: Any, issuer: str) -> OpenId:
    settings = replace(
        fresh.context.settings,
        oidc_issuer=issuer,
        oidc_client_id="affidavit",
        oidc_networks=("127.0.0.0/8",),
    )
    return OpenId(settings, fresh.store)


def test_few_wait_for_a_provider_and_it_is_let_alone_for_a_while(fresh: Any) -> None:
    """However many strangers begin to sign in, most of the console's threads stay free.

    What the provider did not answer is not asked again by each of them.
    """
    refused: list[Exception] = []
    with silent() as (issuer, taken):
        openid = _openid(fresh, issuer)

        def begin() -> None:
            try:
                openid.begin("http://localhost/back", "", fresh.time)
            except (UsageError, ThrottlingFault) as error:
                refused.append(error)

        strangers = [threading.Thread(target=begin) for _ in range(AT_ONCE + 4)]
        for one in strangers:
            one.start()
        while len(refused) < len(strangers) - AT_ONCE or not taken:
            time.sleep(0.01)
        taken[0].close()
        for one in strangers:
            one.join()
        kinds = [type(one) for one in refused]
        assert kinds.count(ThrottlingFault) == 4
        assert kinds.count(UsageError) == AT_ONCE
        assert len(taken) == 1
        with pytest.raises(UsageError, match="cannot be used now"):
            openid.begin("http://localhost/back", "", fresh.time)
        assert len(taken) == 1
        threading.Thread(target=_hang_up, args=(taken,)).start()
        with pytest.raises(UsageError, match="cannot be used now"):
            openid.begin("http://localhost/back", "", fresh.time + AVOIDED + timedelta(seconds=1))
        assert len(taken) == 2


def _hang_up(taken: list[socket.socket]) -> None:
    """Close the second connection as soon as it is there."""
    while len(taken) < 2:
        time.sleep(0.01)
    taken[1].close()
