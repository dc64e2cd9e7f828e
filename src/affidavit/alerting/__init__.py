"""Alerts and the channels that carry them outside: webhooks, e-mail; only to addresses let out."""
