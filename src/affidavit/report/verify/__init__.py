"""Offline verification of a report: imports nothing of ours, trusts only the auditor's key."""
