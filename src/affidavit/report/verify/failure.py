"""What is wrong with a report, and where. Every check raises this and nothing else."""


class VerificationError(Exception):
    """The report does not hold: `where` names file, line, leaf; `what` says what is wrong there."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")
        self.where = where
        self.what = what
