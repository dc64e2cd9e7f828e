"""EC2: Regions and VPC endpoints."""

from affidavit.demo.overlay.registry import Answer, AwsError, Call, Paging, answers

_DEFAULT = frozenset({"us-east-1", "us-east-2", "us-west-2", "eu-central-1", "eu-west-1"})
"""Regions that need no opt-in: opt-in-not-required."""


@answers("ec2", "DescribeRegions", honours=["AllRegions", "RegionNames", "Filters"])
def describe_regions(call: Call) -> Answer:
    """Answer with the enabled Regions; with AllRegions also those that are not opted in."""
    regions = call.place.world.estate.regions
    statuses = {
        name: "opt-in-not-required" if name in _DEFAULT else "opted-in" for name in regions.enabled
    }
    if call.get("AllRegions"):
        statuses |= dict.fromkeys(regions.not_enabled, "not-opted-in")
    names = call.get("RegionNames", list(statuses))
    wanted = _filters(call, {"opt-in-status", "region-name"})
    return {
        "Regions": [
            {
                "RegionName": name,
                "Endpoint": f"ec2.{name}.amazonaws.com",
                "OptInStatus": status,
            }
            for name, status in sorted(statuses.items())
            if name in names
            and status in wanted.get("opt-in-status", {status})
            and name in wanted.get("region-name", {name})
        ]
    }


def _filters(call: Call, known: set[str]) -> dict[str, set[str]]:
    wanted = {each["Name"]: set(each["Values"]) for each in call.get("Filters", [])}
    if not set(wanted) <= known:
        raise AwsError("InvalidParameterValue", f"Known filters are {', '.join(sorted(known))}")
    return wanted


@answers(
    "ec2",
    "DescribeVpcEndpoints",
    honours=["Filters"],
    paging=Paging("NextToken", "MaxResults", 5),
)
def describe_vpc_endpoints(call: Call) -> Answer:
    """Answer with the interface endpoints of the Region's one VPC."""
    place = call.place
    vpc = place.names.hexadecimal(17, *place.id("vpc"))
    wanted = _filters(call, {"service-name", "vpc-id", "vpc-endpoint-state"})
    endpoints = []
    for each in place.region.vpc_endpoints:
        endpoint = {
            "VpcEndpointId": f"vpce-{place.names.hexadecimal(17, *place.id(each.service))}",
            "VpcEndpointType": "Interface",
            "VpcId": f"vpc-{vpc}",
            "ServiceName": f"com.amazonaws.{place.region_name}.{each.service}",
            "State": each.state,
            "PrivateDnsEnabled": each.private_dns,
            "SubnetIds": [f"subnet-{vpc[:16]}0", f"subnet-{vpc[:16]}1"],
            "Groups": [{"GroupId": f"sg-{vpc}", "GroupName": "endpoints"}],
            "CreationTimestamp": place.ago(400),
            "OwnerId": place.account.id,
        }
        keys = {
            "service-name": endpoint["ServiceName"],
            "vpc-id": endpoint["VpcId"],
            "vpc-endpoint-state": endpoint["State"],
        }
        if all(keys[name] in values for name, values in wanted.items()):
            endpoints.append(endpoint)
    return {"VpcEndpoints": endpoints}
