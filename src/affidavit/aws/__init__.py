"""The only door to AWS: clients, roles, paging, rate limits, retries, redaction."""
