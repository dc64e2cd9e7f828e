"""Frameworks, controls, checks and operations as data; the loader refuses what does not hold."""
