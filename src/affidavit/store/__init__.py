"""Where everything is kept: metadata in SQL, evidence in Parquet segments, bodies in blobs."""

from affidavit.store.checkpoints import StoredCheckpoint
from affidavit.store.commits import Committed
from affidavit.store.content_verifying import VerifiedContent
from affidavit.store.documents import Document, Documents
from affidavit.store.log import Log
from affidavit.store.runs import OpenRun, record_from_json, verdict_from_json
from affidavit.store.segment_files import Chosen, SegmentFile
from affidavit.store.segments import Segment, SegmentWriter
from affidavit.store.store import Store, open_store
from affidavit.store.verdict_days import VerdictDay
from affidavit.store.verifying import VerifiedLog

__all__ = [
    "Chosen",
    "Committed",
    "Document",
    "Documents",
    "Log",
    "OpenRun",
    "Segment",
    "SegmentFile",
    "SegmentWriter",
    "Store",
    "StoredCheckpoint",
    "VerdictDay",
    "VerifiedContent",
    "VerifiedLog",
    "open_store",
    "record_from_json",
    "verdict_from_json",
]
