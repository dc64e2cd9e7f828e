"""The nouns of Affidavit as frozen values: no I/O, no AWS, no database."""
