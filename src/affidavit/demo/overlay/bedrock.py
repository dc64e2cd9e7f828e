"""Bedrock: foundation models, logging, custom models and their jobs, capacity, tags."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar

from affidavit.demo.overlay.guardrails import guardrail_arn
from affidavit.demo.overlay.registry import Answer, AwsError, Call, Paging, answers
from affidavit.demo.schema import FoundationModel
from affidavit.demo.schema_region import CustomizationJob
from affidavit.demo.world import Place

_T = TypeVar("_T")

_JOB_HOURS = 6
_PAGES = Paging("nextToken", "maxResults", 5)
"""Pages are small, so that a collector that forgets to read them is found out."""
_PROFILE_REGIONS = {
    "us": ("us-east-1", "us-west-2"),
    "eu": ("eu-central-1", "eu-west-1"),
    "global": ("us-east-1", "eu-central-1", "ap-southeast-2"),
}
"""Regions over which the system-defined inference profiles of each prefix spread."""
_SUBNETS = 2


def found(items: Iterable[_T], wanted: Callable[[_T], bool], what: str) -> _T:
    """Return the first wanted item; `ResourceNotFoundException` when there is none."""
    for item in items:
        if wanted(item):
            return item
    raise AwsError("ResourceNotFoundException", f"{what} could not be found.", 404)


def after(call: Call, member: str, time: datetime) -> bool:
    """Return whether `time` lies after the request's member, or the member was not given."""
    limit = call.get(member)
    return limit is None or time.replace(tzinfo=None) > limit.replace(tzinfo=None)


def foundation_arn(place: Place, model_id: str) -> str:
    """Return the ARN of a foundation model in the place's Region."""
    return f"arn:aws:bedrock:{place.region_name}::foundation-model/{model_id}"


def custom_model_arn(place: Place, job: CustomizationJob) -> str:
    """Return the ARN of the model that a job made."""
    token = place.names.lower(12, *place.id("model", job.name))
    return place.arn("bedrock", f"custom-model/{job.base}/{token}")


def job_arn(place: Place, job: CustomizationJob) -> str:
    """Return the ARN of a customisation job."""
    token = place.names.lower(12, *place.id("job", job.name))
    return place.arn("bedrock", f"model-customization-job/{job.base}/{token}")


def provisioned_arn(place: Place, name: str) -> str:
    """Return the ARN of a provisioned throughput."""
    return place.arn("bedrock", f"provisioned-model/{place.names.lower(12, *place.id('pt', name))}")


def _models(place: Place) -> list[CustomizationJob]:
    """Return the jobs whose model still exists."""
    return [
        j for j in place.region.bedrock.customization_jobs if j.kept and j.status == "Completed"
    ]


def _model_arn(place: Place, name: str) -> str:
    job = found(_models(place), lambda each: each.model == name, f"Model {name}")
    return custom_model_arn(place, job)


@answers("bedrock", "GetModelInvocationLoggingConfiguration")
def get_logging(call: Call) -> Answer:
    """Answer with the Region's logging configuration, or with nothing."""
    logging = call.place.region.bedrock.logging
    if logging is None:
        return {}
    config: dict[str, Any] = {
        "textDataDeliveryEnabled": logging.text,
        "imageDataDeliveryEnabled": logging.text,
        "embeddingDataDeliveryEnabled": logging.text,
    }
    if logging.log_group:
        role = call.place.global_arn("iam", "role/BedrockInvocationLogging")
        config["cloudWatchConfig"] = {"logGroupName": logging.log_group, "roleArn": role}
    if logging.bucket:
        config["s3Config"] = {"bucketName": logging.bucket, "keyPrefix": "invocations"}
    return {"loggingConfig": config}


@answers("bedrock", "ListFoundationModels", honours=["byProvider"])
def list_foundation_models(call: Call) -> Answer:
    """Answer with the models of the estate; the same in every Region."""
    provider = str(call.get("byProvider", "")).lower()
    models = call.place.world.estate.foundation_models
    chosen = [m for m in models if not provider or m.provider.lower() == provider]
    return {"modelSummaries": [_foundation(call.place, model) for model in chosen]}


def _foundation(place: Place, model: FoundationModel) -> Answer:
    lifecycle: dict[str, Any] = {"status": model.status}
    if model.status == "LEGACY":
        lifecycle |= {"legacyTime": place.ago(90), "endOfLifeTime": place.ago(-180)}
    return {
        "modelArn": foundation_arn(place, model.id),
        "modelId": model.id,
        "modelName": model.name,
        "providerName": model.provider,
        "inputModalities": ["TEXT"],
        "outputModalities": ["EMBEDDING" if model.embeds else "TEXT"],
        "responseStreamingSupported": not model.embeds,
        "customizationsSupported": list(model.customizations),
        "inferenceTypesSupported": [
            "ON_DEMAND",
            *(["PROVISIONED"] if model.customizations else []),
        ],
        "modelLifecycle": lifecycle,
    }


@answers("bedrock", "ListInferenceProfiles", honours=["typeEquals"], paging=_PAGES)
def list_inference_profiles(call: Call) -> Answer:
    """Answer with the system-defined profiles that exist in this Region."""
    if call.get("typeEquals") == "APPLICATION":
        return {"inferenceProfileSummaries": []}
    profiles = [
        _profile(call.place, model, prefix)
        for model in call.place.world.estate.foundation_models
        for prefix in model.profiles
        if call.place.region_name in _PROFILE_REGIONS[prefix]
    ]
    return {"inferenceProfileSummaries": profiles}


def _profile(place: Place, model: FoundationModel, prefix: str) -> Answer:
    regions = _PROFILE_REGIONS[prefix]
    return {
        "inferenceProfileName": f"{prefix.upper()} {model.name}",
        "inferenceProfileArn": place.arn("bedrock", f"inference-profile/{prefix}.{model.id}"),
        "inferenceProfileId": f"{prefix}.{model.id}",
        "models": [
            {"modelArn": f"arn:aws:bedrock:{region}::foundation-model/{model.id}"}
            for region in regions
        ],
        "status": "ACTIVE",
        "type": "SYSTEM_DEFINED",
        "createdAt": place.ago(500),
        "updatedAt": place.ago(500),
    }


@answers("bedrock", "ListCustomModels", paging=_PAGES)
def list_custom_models(call: Call) -> Answer:
    """Answer with the models that completed jobs made and that still exist."""
    place = call.place
    return {
        "modelSummaries": [
            {
                "modelArn": custom_model_arn(place, job),
                "modelName": job.model,
                "creationTime": place.ago(job.age),
                "baseModelArn": foundation_arn(place, job.base),
                "baseModelName": job.base,
                "customizationType": job.type,
                "ownerAccountId": place.account.id,
                "modelStatus": "Active",
            }
            for job in _models(place)
        ]
    }


@answers("bedrock", "GetCustomModel", honours=["modelIdentifier"])
def get_custom_model(call: Call) -> Answer:
    """Answer with one custom model, by ARN or name, with the key that it was given."""
    place, wanted = call.place, call.need("modelIdentifier")
    job = found(
        _models(place), lambda j: wanted in {custom_model_arn(place, j), j.model}, f"Model {wanted}"
    )
    return {
        "modelArn": custom_model_arn(place, job),
        "modelName": job.model,
        "jobName": job.name,
        "jobArn": job_arn(place, job),
        "baseModelArn": foundation_arn(place, job.base),
        "customizationType": job.type,
        "creationTime": place.ago(job.age),
        "modelStatus": "Active",
        "trainingMetrics": {"trainingLoss": 0.41},
        **({"modelKmsKeyArn": place.key_arn(job.key)} if job.key else {}),
        **_data(job),
    }


def _data(job: CustomizationJob) -> Answer:
    validators = [{"s3Uri": job.validation}] if job.validation else []
    return {
        "trainingDataConfig": {"s3Uri": job.training},
        "validationDataConfig": {"validators": validators},
        "outputDataConfig": {"s3Uri": job.output},
        "hyperParameters": {"epochCount": "2", "batchSize": "1", "learningRate": "0.00001"},
    }


@answers("bedrock", "ListModelCustomizationJobs", honours=["creationTimeAfter"], paging=_PAGES)
def list_jobs(call: Call) -> Answer:
    """Answer with the customisation jobs, newest first."""
    place = call.place
    jobs = sorted(place.region.bedrock.customization_jobs, key=lambda job: job.age)
    return {
        "modelCustomizationJobSummaries": [
            {**_job(place, job), **_job_model(place, job, "customModelArn", "customModelName")}
            for job in jobs
            if after(call, "creationTimeAfter", place.ago(job.age))
        ]
    }


def _job(place: Place, job: CustomizationJob) -> Answer:
    ended = place.ago(job.age - _JOB_HOURS / 24)
    return {
        "jobArn": job_arn(place, job),
        "baseModelArn": foundation_arn(place, job.base),
        "jobName": job.name,
        "status": job.status,
        "creationTime": place.ago(job.age),
        "lastModifiedTime": ended,
        "endTime": ended,
        "customizationType": job.type,
    }


def _job_model(place: Place, job: CustomizationJob, arn: str, name: str) -> Answer:
    if job.status != "Completed":
        return {name: job.model} if name == "outputModelName" else {}
    return {arn: custom_model_arn(place, job), name: job.model}


@answers("bedrock", "GetModelCustomizationJob", honours=["jobIdentifier"])
def get_job(call: Call) -> Answer:
    """Answer with one customisation job, by ARN or name."""
    place, wanted = call.place, call.need("jobIdentifier")
    jobs = place.region.bedrock.customization_jobs
    job = found(jobs, lambda j: wanted in {job_arn(place, j), j.name}, f"Job {wanted}")
    network = place.names.hexadecimal(17, *place.id("vpc"))
    vpc = {
        "subnetIds": [f"subnet-{network[:16]}{n}" for n in range(_SUBNETS)],
        "securityGroupIds": [f"sg-{network}"],
    }
    return {
        **_job(place, job),
        **_job_model(place, job, "outputModelArn", "outputModelName"),
        **_data(job),
        "roleArn": place.global_arn("iam", f"role/{job.role}"),
        "trainingMetrics": {"trainingLoss": 0.41},
        **({"outputModelKmsKeyArn": place.key_arn(job.key)} if job.key else {}),
        **({"vpcConfig": vpc} if job.vpc else {}),
    }


@answers("bedrock", "ListCustomModelDeployments", paging=_PAGES)
def list_deployments(call: Call) -> Answer:
    """Answer with the on-demand deployments of custom models."""
    place = call.place
    return {
        "modelDeploymentSummaries": [
            {
                "customModelDeploymentArn": place.arn(
                    "bedrock",
                    f"custom-model-deployment/{place.names.lower(12, *place.id(each.name))}",
                ),
                "customModelDeploymentName": each.name,
                "modelArn": _model_arn(place, each.model),
                "createdAt": place.ago(each.age),
                "status": "Active",
            }
            for each in place.region.bedrock.deployments
        ]
    }


@answers("bedrock", "ListProvisionedModelThroughputs", paging=_PAGES)
def list_provisioned(call: Call) -> Answer:
    """Answer with the provisioned throughputs."""
    place = call.place
    return {
        "provisionedModelSummaries": [
            {
                "provisionedModelName": each.name,
                "provisionedModelArn": provisioned_arn(place, each.name),
                "modelArn": _model_arn(place, each.model),
                "desiredModelArn": _model_arn(place, each.model),
                "foundationModelArn": foundation_arn(place, _base(place, each.model)),
                "modelUnits": each.units,
                "desiredModelUnits": each.units,
                "status": "InService",
                "creationTime": place.ago(each.age),
                "lastModifiedTime": place.ago(each.age),
            }
            for each in place.region.bedrock.provisioned
        ]
    }


def _base(place: Place, model: str) -> str:
    return found(_models(place), lambda job: job.model == model, f"Model {model}").base


@answers("bedrock", "ListTagsForResource", honours=["resourceARN"])
def list_tags(call: Call) -> Answer:
    """Answer with the tags of a custom model, a customisation job or a guardrail."""
    place, wanted = call.place, call.need("resourceARN")
    bedrock = place.region.bedrock
    tags = {guardrail_arn(place, each.name): each.tags for each in bedrock.guardrails}
    for job in bedrock.customization_jobs:
        tags[job_arn(place, job)] = tags[custom_model_arn(place, job)] = job.tags
    if wanted not in tags:
        raise AwsError("ResourceNotFoundException", f"{wanted} could not be found.", 404)
    return {"tags": [{"key": key, "value": value} for key, value in tags[wanted].items()]}
