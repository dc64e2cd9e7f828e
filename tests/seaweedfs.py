"""SeaweedFS in its own process: a real S3 server on loopback, which people may host themselves.

One binary (`weed`), installed from `requirements/seaweedfs.txt` by `make test-slow`. The fixture
`seaweedfs` (tests/conftest.py) starts one for a test session; `bench.crash` starts its own.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.free_ports import free_port

SECONDS_TO_START = 300.0
ACCESS_KEY, SECRET_KEY = "seaweedkey", "seaweedsecret"
WAREHOUSE = "warehouse"
"""The bucket whose tables its Iceberg catalog keeps."""
_PORTS = (
    *("master.port", "volume.port", "filer.port", "s3.port", "admin.port", "webdav.port"),
    "s3.port.iceberg",
)
_GRPC_OFFSET = 10_000


def binary() -> Path:
    """Return where the server's program is installed, or would be."""
    return Path(sys.executable).with_name("weed")


class SeaweedFS:
    """One server on free loopback ports, with its own empty state."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ports: set[int] = set()
        while len(ports) < len(_PORTS):
            ports.add(free_port(_GRPC_OFFSET))
        self._ports = dict(zip(_PORTS, ports, strict=True))
        self.url = f"http://127.0.0.1:{self._ports['s3.port']}"
        self.catalog = f"http://127.0.0.1:{self._ports['s3.port.iceberg']}"
        self.environment = {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        self._log = folder / "weed.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers; `RuntimeError` carries the end of its log."""
        given = [
            *(f"-{name}={port}" for name, port in self._ports.items()),
            *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-admin.ui=false"),
            *("-master.telemetry=false", f"-tableBucket={WAREHOUSE}", f"-dir={self.folder}"),
        ]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(binary()), "mini", *given],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **self.environment},
            )
        deadline = time.monotonic() + SECONDS_TO_START
        while not self._answers():
            ended = self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                self.stop()
                tail = self._log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"SeaweedFS did not start: {tail}")
            time.sleep(0.2)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def client(self) -> Any:
        """Return a botocore client of it."""
        from botocore.config import Config
        from botocore.session import Session

        session = Session()
        session.set_credentials(ACCESS_KEY, SECRET_KEY)
        return session.create_client(
            "s3",
            region_name="us-east-1",
            endpoint_url=self.url,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )

    def _answers(self) -> bool:
        from botocore.exceptions import BotoCoreError, ClientError

        client = self.client()
        try:
            client.create_bucket(Bucket="ready")
            client.put_object(Bucket="ready", Key="x", Body=b"x")
        except ClientError as error:
            return bool(error.response["Error"]["Code"] == "BucketAlreadyOwnedByYou")
        except BotoCoreError:
            return False
        finally:
            client.close()
        return True
