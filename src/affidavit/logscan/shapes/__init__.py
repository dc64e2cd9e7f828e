"""The common shapes of records, exactly: what they hold besides text cannot hold text.

A record that decodes to these types has no member that is not named here, so its texts are known
without walking it. Any other record (a member more, another type, an unknown stop reason, a
guardrail that acted, media) does not decode, and is read by `records.py` and `bodies.py`, which
say what is found: these shapes only have to give every text that they would look at, and may give
more (words of protocol).
"""

from affidavit.logscan.shapes.parts import NOT_SO, Signs
from affidavit.logscan.shapes.plain import PLAIN, PlainRecord, read_plain
from affidavit.logscan.shapes.rich import RICH, Ambiguous, RichRecord, read_rich

__all__ = [
    "NOT_SO",
    "PLAIN",
    "RICH",
    "Ambiguous",
    "PlainRecord",
    "RichRecord",
    "Signs",
    "read_plain",
    "read_rich",
]
