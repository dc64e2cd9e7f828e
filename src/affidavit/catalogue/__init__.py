"""Frameworks, controls, checks, operations and resource sets as data, and the loader that refuses what does not hold."""
