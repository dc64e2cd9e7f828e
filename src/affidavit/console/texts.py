"""The console's words: English, marked by `_` in code and templates, listed in `texts.pot`.

A translation is a gettext catalogue of the messages in `texts.pot`; none is shipped yet. A test
holds the list complete (`python -m tests.console.test_texts` writes it again).
"""

from gettext import NullTranslations
from typing import Final

LANGUAGE: Final = "en"
TRANSLATIONS: Final = NullTranslations()


def _(message: str) -> str:
    """Return a message in the reader's language."""
    return TRANSLATIONS.gettext(message)


def mark(message: str) -> str:
    """Return the message as it is: it stands in a table, and is translated when it is shown."""
    return message
