"""Frameworks, checks, operations and resource sets as data, and the loader that validates them."""

from affidavit.catalogue.load import load, load_folder

__all__ = ["load", "load_folder"]
