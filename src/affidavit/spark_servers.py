"""Whether a Spark Connect server is there at all, before anybody waits for an answer of it."""

import socket
from typing import Final

PATIENCE: Final = 10.0
"""Seconds that a server may take to say its first word; then it answers nobody."""


def await_server(url: str) -> None:
    """Return once the server at `sc://…` speaks its protocol.

    `OSError` where nothing listens or nothing answers, `ImportError` where Spark's client is not
    installed. Spark's own client waits for a silent server for ever.
    """
    import grpc
    from pyspark.sql.connect.client import DefaultChannelBuilder

    builder = DefaultChannelBuilder(url)
    host, _, port = builder.endpoint.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()
    channel = builder.toChannel()
    try:
        grpc.channel_ready_future(channel).result(timeout=PATIENCE)
    except grpc.FutureTimeoutError as error:
        raise TimeoutError(
            f"It takes connections, but did not speak Spark Connect for {PATIENCE:.0f} seconds."
        ) from error
    finally:
        channel.close()
