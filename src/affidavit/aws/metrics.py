"""CloudWatch metrics that are put into an account on its tenant's behalf."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Event

from botocore.exceptions import BotoCoreError, ClientError

from affidavit.aws.clients import Clients
from affidavit.aws.identity import Accounts
from affidavit.aws.limits import Limits
from affidavit.aws.settings import AwsSettings
from affidavit.errors import CollectError


@dataclass(frozen=True, slots=True)
class Datum:
    """One value of a metric, now."""

    name: str
    value: float
    unit: str
    dimensions: Mapping[str, str]


def put_metrics(
    settings: AwsSettings, place: tuple[str, str], namespace: str, data: Sequence[Datum]
) -> None:
    """Put values into an account and Region; `CollectError` says what CloudWatch refused."""
    account_id, region = place
    clients = Clients(settings)
    limits = Limits(settings.requests_per_second, Event(), settings.lookups_per_second)
    accounts = Accounts(settings, clients, limits)
    listed = [
        {
            "MetricName": one.name,
            "Value": one.value,
            "Unit": one.unit,
            "Dimensions": [{"Name": n, "Value": v} for n, v in one.dimensions.items()],
        }
        for one in data
    ]
    try:
        access = accounts.access(account_id)
        with clients.use(access.session, account_id, region, "cloudwatch") as cloudwatch:
            cloudwatch.put_metric_data(Namespace=namespace, MetricData=listed)
    except (ClientError, BotoCoreError) as error:
        raise CollectError(
            f"Metrics could not be put into {account_id} in {region}",
            why=str(error),
            todo="The role must be allowed cloudwatch:PutMetricData.",
        ) from error
    finally:
        clients.close()
