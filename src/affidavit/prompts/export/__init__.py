"""Suites as canaries that run without us: Synthetics, Lambda, HTTP requests, commands."""
