"""Facts from AWS's APIs, through the door.

AWS Config's evaluations (DescribeConfigRules, GetComplianceDetailsByConfigRule) and CloudTrail's
events (LookupEvents) are API calls like the others: which are asked is data of the catalogue and
its fan-outs, so one source serves all three kinds of control source.
"""

from collections.abc import Iterator

from affidavit.aws.door import Door
from affidavit.model.observation import Result
from affidavit.sources.source import Scope


class ApiCallSource:
    """Asks AWS each question once."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def observe(self, scope: Scope) -> Iterator[Result]:
        """Yield what AWS answered, or the gap that says why it did not."""
        for unit in scope.units:
            yield self._door.call(scope.operation, unit)
