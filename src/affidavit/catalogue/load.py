"""A catalogue's folder to one value, or one refusal that names every line that does not hold.

A folder holds framework.yaml, controls/*.yaml, checks/*.yaml, operations.yaml, metrics.yaml,
resource_sets.yaml and config_rules.yaml (fixtures/*.yaml are for tests, see `fixtures`).
"""

from functools import cache
from pathlib import Path
from typing import Final

from affidavit.catalogue.check_files import checks
from affidavit.catalogue.collection_files import config_rules, metrics, operations, resource_sets
from affidavit.catalogue.framework_files import FrameworkReader
from affidavit.catalogue.shapes import Shapes
from affidavit.catalogue.validate import CheckValidator, references
from affidavit.catalogue.yaml_nodes import Node, Problems, read
from affidavit.errors import CatalogueError
from affidavit.model.catalogue import Catalogue, versioned

SHIPPED: Final = Path(__file__).parent / "genai_v1"
"""The folder of the framework that comes with Affidavit."""


@cache
def load() -> Catalogue:
    """Return the shipped catalogue, read once; raises `CatalogueError` when it does not hold."""
    return load_folder(SHIPPED)


def load_folder(path: Path) -> Catalogue:
    """Return the catalogue in folder `path`.

    Raises `CatalogueError` naming file, line and reason of everything that does not hold.
    """
    if not (path / "framework.yaml").is_file():
        raise CatalogueError(
            f"There is no catalogue in {path}",
            why="A catalogue's folder holds framework.yaml.",
            todo="Name the folder that holds it.",
        )
    problems = Problems()
    catalogue = _Folder(path, problems).catalogue()
    problems.refuse()
    return catalogue


class _Folder:
    """The files of one folder, read as they are needed."""

    def __init__(self, path: Path, problems: Problems) -> None:
        self.path = path
        self.problems = problems

    def document(self, name: str) -> Node:
        return read(self.path / name, self.path, self.problems)

    def documents(self, folder: str) -> dict[str, Node]:
        files = sorted((self.path / folder).glob("*.yaml"))
        return {file.stem: read(file, self.path, self.problems) for file in files}

    def catalogue(self) -> Catalogue:
        problems = self.problems
        asked = operations(self.document("operations.yaml"), problems)
        measured = metrics(self.document("metrics.yaml"), problems)
        kinds = resource_sets(self.document("resource_sets.yaml"), asked, problems)
        read_checks = checks(self.documents("checks").values(), asked, kinds, problems)
        validator = CheckValidator(Shapes(asked, measured, kinds), asked, problems)
        judged = {name: validator.check(found) for name, found in read_checks.items()}
        rules = config_rules(self.document("config_rules.yaml"), judged, problems)
        document = self.document("framework.yaml")
        framework = FrameworkReader(judged, kinds, problems).framework(
            document, self.documents("controls")
        )
        for reason in references(framework, judged):
            problems.add(document, reason)
        read_all = Catalogue(
            framework=framework,
            operations=asked,
            metrics=measured,
            resource_sets=kinds,
            checks=judged,
            config_rules=rules,
            digest="",
        )
        return versioned(read_all)
