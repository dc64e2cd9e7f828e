"""From an account's facts to the records that checks are run over."""

from affidavit.checks.places import AccountRecords, Metrics, Place, Record, RecordSet

__all__ = ["AccountRecords", "Metrics", "Place", "Record", "RecordSet"]
