"""Bedrock evaluation jobs."""

from affidavit.demo.overlay.bedrock import after, found, provisioned_arn
from affidavit.demo.overlay.registry import Answer, Call, Paging, answers
from affidavit.demo.schema_region import EvaluationJob
from affidavit.demo.world import Place


def _arn(place: Place, job: EvaluationJob) -> str:
    token = place.names.lower(12, *place.id("evaluation", job.name))
    return place.arn("bedrock", f"evaluation-job/{token}")


def _models(place: Place, job: EvaluationJob) -> list[str]:
    """Return the models as Bedrock names them: provisioned throughputs by their ARN."""
    own = "provisioned/"
    return [
        provisioned_arn(place, name.removeprefix(own)) if name.startswith(own) else name
        for name in job.models
    ]


def _summary(place: Place, job: EvaluationJob) -> Answer:
    return {
        "jobArn": _arn(place, job),
        "jobName": job.name,
        "status": job.status,
        "creationTime": place.ago(job.age),
        "jobType": "Automated",
        "applicationType": "ModelEvaluation",
    }


@answers(
    "bedrock",
    "ListEvaluationJobs",
    honours=["creationTimeAfter"],
    paging=Paging("nextToken", "maxResults", 3),
)
def list_evaluation_jobs(call: Call) -> Answer:
    """Answer with the evaluation jobs created after the given time."""
    place = call.place
    return {
        "jobSummaries": [
            {
                **_summary(place, job),
                "evaluationTaskTypes": [job.task],
                "modelIdentifiers": _models(place, job),
                "inferenceConfigSummary": {
                    "modelConfigSummary": {"bedrockModelIdentifiers": _models(place, job)}
                },
            }
            for job in place.region.bedrock.evaluation_jobs
            if after(call, "creationTimeAfter", place.ago(job.age))
        ]
    }


@answers("bedrock", "GetEvaluationJob", honours=["jobIdentifier"])
def get_evaluation_job(call: Call) -> Answer:
    """Answer with one evaluation job, by ARN or name."""
    place, wanted = call.place, call.need("jobIdentifier")
    jobs = place.region.bedrock.evaluation_jobs
    job = found(jobs, lambda each: wanted in {_arn(place, each), each.name}, f"Job {wanted}")
    dataset = {
        "name": "northwind-questions",
        "datasetLocation": {"s3Uri": f"s3://{job.bucket}/datasets/questions.jsonl"},
    }
    metrics = {"taskType": job.task, "dataset": dataset, "metricNames": list(job.metrics)}
    return {
        **_summary(place, job),
        "roleArn": place.global_arn("iam", f"role/{job.role}"),
        "evaluationConfig": {"automated": {"datasetMetricConfigs": [metrics]}},
        "inferenceConfig": {
            "models": [
                {"bedrockModel": {"modelIdentifier": model, "inferenceParams": "{}"}}
                for model in _models(place, job)
            ]
        },
        "outputDataConfig": {"s3Uri": f"s3://{job.bucket}/results/"},
        "lastModifiedTime": place.ago(job.age - 0.1),
    }
