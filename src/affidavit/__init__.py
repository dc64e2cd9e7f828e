"""Affidavit: audit evidence from AWS accounts, and reports that anybody can verify offline."""

__version__ = "0.1.0"
