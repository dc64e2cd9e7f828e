"""The same through boto3, SigV4 and the served API: an account's first hour."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import boto3
import pytest
import uvicorn
from botocore.config import Config
from botocore.exceptions import ClientError

from affidavit.api.app import create_app
from affidavit.operations import access_keys
from affidavit.server import key_lookup

ACCOUNT = "111122223333"


@pytest.fixture
def client(installation: Any) -> Iterator[Callable[[str], Any]]:
    """Return the maker of boto3 clients for a role, on a server of this installation."""
    store = installation.context.store

    app = create_app(installation.dispatcher.handlers(), key_lookup(store))
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    clients = []

    def make(role: str, regions: Sequence[str] = ()) -> Any:
        key = access_keys.add(
            store,
            account_id=ACCOUNT,
            principal_arn=f"arn:aws:iam::{ACCOUNT}:role/{role}",
            role=role,
            by="test",
            regions=regions,
        )
        made = boto3.client(
            "auditmanager",
            endpoint_url=f"http://127.0.0.1:{listening.getsockname()[1]}",
            region_name="eu-central-1",
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret,
            config=Config(retries={"total_max_attempts": 1}),
        )
        clients.append(made)
        return made

    yield make
    for made in clients:
        made.close()
    server.should_exit = True
    thread.join(timeout=10)
    listening.close()


def test_a_key_of_another_region_is_refused(client: Callable[..., Any]) -> None:
    """A key opens the Regions that it was made for; one that was made for none opens all."""
    admin = client("admin")
    admin.register_account()
    assert client("admin", ("us-east-1", "eu-central-1")).get_account_status()["status"] == "ACTIVE"
    with pytest.raises(ClientError, match="made for us-east-1, not for eu-central-1") as caught:
        client("admin", ("us-east-1",)).register_account()
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"


def test_the_first_hour_of_an_account(client: Callable[[str], Any]) -> None:
    """Register, copy the standard framework, add a control of one's own, tag and list."""
    admin, owner = client("admin"), client("owner")
    with pytest.raises(ClientError, match="Please complete AWS Audit Manager setup") as caught:
        owner.list_controls(controlType="Standard")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert admin.register_account()["status"] == "ACTIVE"
    (standard,) = owner.list_assessment_frameworks(frameworkType="Standard")[
        "frameworkMetadataList"
    ]
    framework = owner.get_assessment_framework(frameworkId=standard["id"])["framework"]
    control = owner.create_control(
        name="Ours",
        controlMappingSources=[
            {
                "sourceName": "users",
                "sourceType": "AWS_API_Call",
                "sourceKeyword": {
                    "keywordInputType": "SELECT_FROM_LIST",
                    "keywordValue": "iam_ListUsers",
                },
            }
        ],
    )["control"]
    sets = [
        {"name": one["name"], "controls": [{"id": c["id"]} for c in one["controls"]]}
        for one in framework["controlSets"]
    ]
    sets[0]["controls"].append({"id": control["id"]})
    copy = owner.create_assessment_framework(name="Copy", controlSets=sets)["framework"]
    assert copy["controlSets"][0]["controls"][-1]["name"] == "Ours"
    owner.tag_resource(resourceArn=copy["arn"], tags={"Team": "audit"})
    assert owner.list_tags_for_resource(resourceArn=copy["arn"])["tags"] == {"Team": "audit"}
    owner.untag_resource(resourceArn=copy["arn"], tagKeys=["Team"])
    found = owner.list_assessment_frameworks(frameworkType="Custom")["frameworkMetadataList"]
    assert [(item["name"], item["controlsCount"]) for item in found] == [("Copy", 53)]


def test_roles_and_tokens_through_the_door(client: Callable[[str], Any]) -> None:
    """An owner cannot change settings; a foreign token is refused with reason and field."""
    admin, owner = client("admin"), client("owner")
    admin.register_account()
    with pytest.raises(owner.exceptions.AccessDeniedException):
        owner.update_settings(kmsKey="DEFAULT")
    token = owner.list_keywords_for_data_source(source="AWS_Config", maxResults=5)["nextToken"]
    with pytest.raises(owner.exceptions.ValidationException) as caught:
        owner.list_keywords_for_data_source(source="AWS_Cloudtrail", nextToken=token)
    assert caught.value.response["reason"] == "fieldValidationFailed"
    assert caught.value.response["fields"][0]["name"] == "nextToken"


def test_a_disabled_key_opens_nothing(client: Callable[[str], Any], installation: Any) -> None:
    """From the moment it is disabled, requests of the key are refused."""
    owner = client("owner")
    assert owner.get_account_status()["status"] == "INACTIVE"
    (key,) = access_keys.every(installation.context.store)
    access_keys.disable(installation.context.store, key.access_key_id, by="test")
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        owner.get_account_status()
