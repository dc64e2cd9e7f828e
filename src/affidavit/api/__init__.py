"""Audit Manager's API over HTTP: botocore's service model in, the operations behind."""
