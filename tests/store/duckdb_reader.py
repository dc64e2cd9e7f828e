"""A stranger's reader of our Iceberg tables: DuckDB with its own Iceberg extension, in a process.

Run with `.venv-readers` (make test-slow) before everything else on the path, as the extensions are
of one version of DuckDB only. Arguments: statements, of which the last one asks; writes its rows.
"""

import importlib
import json
import sys
from pathlib import Path

import duckdb

EXTENSIONS = ("avro", "httpfs", "iceberg")


def main() -> None:
    """Load the extensions from their packages, run the statements, write the last one's rows."""
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    for name in EXTENSIONS:
        folder = Path(str(importlib.import_module(f"duckdb_extension_{name}").__file__)).parent
        (file,) = folder.rglob("*.duckdb_extension")
        connection.execute(f"LOAD '{file}'")
    for statement in sys.argv[1:]:
        connection.execute(statement)
    sys.stdout.write(json.dumps(connection.fetchall()))


main()
