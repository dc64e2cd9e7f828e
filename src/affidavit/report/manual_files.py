"""The package's part on manual evidence: the table, the files, and the lines on controls' pages."""

from collections.abc import Iterable, Iterator, Mapping

from affidavit.errors import ReportError
from affidavit.model.catalogue import Catalogue
from affidavit.report.content import ManualLine
from affidavit.report.source import ManualSource
from affidavit.report.verify import manual
from affidavit.report.verify.added import KEPT, Item
from affidavit.report.writer import ZipWriter

SHOWN = 20
"""Items that a control's page shows; the rest stands in manual.csv."""
_EXCERPT = 300
"""Characters of a text that are shown there."""


class ManualFiles:
    """What people added, as the ledger tells of it, with the contents from where they are kept."""

    def __init__(self, items: Iterable[Item], source: ManualSource) -> None:
        self._source = source
        self.items = list(items)
        self._texts = {item.id: self._text(item) for item in self.items if item.has_text}

    def _text(self, item: Item) -> str:
        text = self._source.text(item.id)
        if text is None:
            raise ReportError(
                f"The manual evidence {item.id} is not in the store",
                why=f"Leaf {item.leaf} of the ledger tells of it, and nothing of its deletion.",
                todo="Run `affidavit ledger verify`; restore the database from a backup.",
            )
        return text

    def table(self) -> Iterator[bytes]:
        """Yield manual.csv."""
        yield manual.header()
        for item in self.items:
            yield manual.row(item, self._texts.get(item.id, ""))

    def write(self, zip_file: ZipWriter) -> None:
        """Write the files, each once, as they are: what is packed already gains nothing."""
        for path, item in {item.path: item for item in self.items if item.is_file}.items():
            zip_file.stream(path, self._source.parts(item.digest), packed=False)

    def lines(self, catalogue: Catalogue) -> Mapping[str, tuple[tuple[ManualLine, ...], int]]:
        """Return what each control's page shows, the newest first, and how many more there are."""
        names = {control.uuid: control.id for control in catalogue.framework.controls()}
        found: dict[str, list[ManualLine]] = {}
        for item in reversed(self.items):
            control = names.get(item.control_id, item.control_id)
            found.setdefault(control, []).append(self._line(item))
        return {
            control: (tuple(lines[:SHOWN]), max(0, len(lines) - SHOWN))
            for control, lines in found.items()
        }

    def _line(self, item: Item) -> ManualLine:
        text = self._texts.get(item.id, "")
        shown = text if len(text) <= _EXCERPT else text[:_EXCERPT] + " …"
        return ManualLine(
            what=(shown or "a text") if item.is_text else item.file_name,
            size=f"{item.size:,} bytes" if item.state == KEPT else item.state.lower(),
            digest=item.digest,
            when=item.time[:19] + "Z",
            by=f"{item.by}; deleted {item.deleted}" if item.deleted else item.by,
            leaf=item.leaf,
        )
