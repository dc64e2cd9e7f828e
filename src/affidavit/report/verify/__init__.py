"""Offline verification of a report. Imports nothing of ours; trusts only the key that the auditor has."""
