"""Records of models in use and of provisioned throughputs, with their metric sums."""

from collections.abc import Iterator, Mapping

from affidavit.checks.drafts import Draft, View
from affidavit.checks.listed import Found, walk
from affidavit.checks.model_ids import is_resolved, plain_id, resolve, spellings
from affidavit.checks.places import Record, RecordSet
from affidavit.checks.windows import MODEL_DIMENSION, dimension_of, models
from affidavit.model.observation import GapReason, Observation

EVALUATED = "inferenceConfig.models[].bedrockModel.modelIdentifier"


def model_in_use(view: View) -> RecordSet:
    """Return the models that CloudWatch lists as invoked.

    Whether a model was invoked within a check's lookback is decided by `Place.seen_by`. A series
    may have dimensions besides ModelId; a model has one record, from its plainest series.
    """
    return view.finish(_models(view), view.gaps("ListMetrics"))


def _models(view: View) -> Iterator[Record]:
    listed: dict[str, Found] = {}
    for found in view.items("ListMetrics"):
        dimensions = found.value.get("Dimensions", ())
        name = next((d.get("Value") for d in dimensions if d.get("Name") == MODEL_DIMENSION), None)
        if name and (name not in listed or len(dimensions) == 1):
            listed[name] = found
    reserved = throughputs(view)
    own, based = own_models(view) | reserved, bases(view)
    listed_entries = entries(view)
    jobs = _evaluations(view, own)
    for name, found in sorted(listed.items()):
        model_id = resolve(name, own)
        draft = view.of(found)
        is_provisioned = name in reserved or "provisioned-model/" in name
        draft.values["fact"] = {"modelId": model_id, "provisioned": is_provisioned}
        if not is_resolved(model_id) or (is_provisioned and name not in reserved):
            words = f"Which model {name} stands for is not known."
            draft.unknown("fact", "ListMetrics", GapReason.FAILED, words)
        draft.attributes |= {"model": model_id, "ModelId": name}
        _add_metrics(draft, name)
        _add_entry(draft, resolve(model_id, based), listed_entries)
        _add_evaluations(draft, model_id, jobs)
        yield draft.record(_arn(view, name))


def _arn(view: View, name: str) -> str:
    if name.startswith("arn:"):
        return name
    if plain_id(name) != name:
        return view.arn("bedrock", f"inference-profile/{name}")
    return f"arn:{view.partition}:bedrock:{view.region}::foundation-model/{name}"


def throughputs(view: View) -> dict[str, str]:
    """Return the models of the provisioned throughputs: by ARN, its last part, and bare id."""
    known: dict[str, str] = {}
    for found in view.items("ListProvisionedModelThroughputs"):
        arn, model = found.value["provisionedModelArn"], found.value.get("modelArn")
        if model:
            known |= dict.fromkeys(_names(arn), model)
    return known


def changed(view: View) -> dict[str, str]:
    """Return when throughputs and deployments, which may be given other models, were changed last.

    By name, as an RFC 3339 time. What is not listed, or says no time, is not in it.
    """
    known: dict[str, str] = {}
    for found in view.items("ListProvisionedModelThroughputs"):
        if found.value.get("lastModifiedTime"):
            names = _names(found.value["provisionedModelArn"])
            known |= dict.fromkeys(names, found.value["lastModifiedTime"])
    path = "modelDeploymentSummaries[]"
    for one in view.scope.found("ListCustomModelDeployments", view.region, path):
        moment = one.value.get("lastUpdatedAt") or one.value.get("createdAt")
        if moment and one.value.get("customModelDeploymentArn"):
            known[one.value["customModelDeploymentArn"]] = moment
    return known


def _names(arn: str) -> tuple[str, ...]:
    """Return the names of a thing of the account that metrics and callers may use."""
    return arn, arn.rsplit(":", maxsplit=1)[-1], arn.rsplit("/", maxsplit=1)[-1]


def own_models(view: View) -> dict[str, str]:
    """Return what the account's deployments and profiles stand for: name -> model that they run."""
    own: dict[str, str] = {}
    path = "modelDeploymentSummaries[]"
    for deployed in view.scope.found("ListCustomModelDeployments", view.region, path):
        if deployed.value.get("customModelDeploymentArn") and deployed.value.get("modelArn"):
            own[deployed.value["customModelDeploymentArn"]] = deployed.value["modelArn"]
    path = "inferenceProfileSummaries[]"
    for profile in view.scope.found("ListInferenceProfiles", view.region, path):
        members = profile.value.get("models") or ()
        arn = profile.value.get("inferenceProfileArn")
        if members and arn and members[0].get("modelArn"):
            own[arn] = members[0]["modelArn"]
            if "application-inference-profile/" in arn:  # by its bare id it is no model of its own
                own[arn.rsplit("/", maxsplit=1)[-1]] = members[0]["modelArn"]
    return own


def bases(view: View) -> Mapping[str, str]:
    """Return the foundation models behind custom ones: id of the custom model -> ARN of its base.

    Throughputs say it besides the list of custom models, which a person may not be allowed to read.
    """
    known: dict[str, str] = {}
    for found in view.items("ListProvisionedModelThroughputs"):
        if found.value.get("modelArn") and found.value.get("foundationModelArn"):
            known[plain_id(found.value["modelArn"])] = found.value["foundationModelArn"]
    for found in view.items("ListCustomModels"):
        if found.value.get("baseModelArn"):
            known[plain_id(found.value["modelArn"])] = found.value["baseModelArn"]
    return known


def entries(view: View) -> Mapping[str, Found]:
    """Return the entries of the list of foundation models by model id."""
    path = "modelSummaries[]"
    found = view.readable(view.scope.found("ListFoundationModels", view.region, path))
    return {entry.value["modelId"]: entry for entry in found if entry.value.get("modelId")}


def entry_of(model_id: str, known: Mapping[str, Found]) -> Found | None:
    """Return the entry of a foundation model, of all of them (`entries`); None: not listed."""
    return next((known[name] for name in spellings(model_id) if name in known), None)


def _add_entry(draft: Draft, model_id: str, known: Mapping[str, Found]) -> None:
    """Put in the model's entry of the list of foundation models; absent for custom models."""
    key = "ListFoundationModels"
    gaps = draft.view.gaps(key)
    if gaps:
        draft.gaps[key] = gaps[0]
        draft.cite_all(key)
        return
    if not is_resolved(model_id):
        words = f"Which model {model_id} stands for is not known."
        draft.unknown(key, key, GapReason.FAILED, words)
        return
    entry = entry_of(model_id, known)
    if entry is not None:
        draft.values[key] = draft.view.value(entry)
        draft.cite(entry.source, entry.pointer)
    else:
        draft.cite_all(key)


def _evaluations(view: View, own: Mapping[str, str]) -> Mapping[str, list[Observation]]:
    """Return the evaluation jobs by the id of the models that they evaluate."""
    jobs: dict[str, list[Observation]] = {}
    for observation in view.scope.observed("GetEvaluationJob", view.region):
        names = {resolve(found.value, own) for found in walk(observation, EVALUATED)}
        for name in sorted(names):
            jobs.setdefault(name, []).append(observation)
    return jobs


def _add_evaluations(draft: Draft, model_id: str, jobs: Mapping[str, list[Observation]]) -> None:
    """Put in the evaluation jobs that name the model; unknown where any job is unknown."""
    key = "GetEvaluationJob"
    gaps = draft.view.gaps("ListEvaluationJobs", key)
    if gaps:
        draft.gaps[key] = gaps[0]
        draft.cite_all("ListEvaluationJobs", key)
        return
    found = jobs.get(model_id, [])
    draft.values[key] = [draft.view.answers.of(job).body for job in found]
    for job in found:
        draft.cite(job)
    # The list too: that these are all the jobs is part of what the record says.
    draft.cite_all("ListEvaluationJobs")


def _add_metrics(draft: Draft, dimension: str) -> None:
    for (days, name), metrics in draft.view.metrics.items():
        if name == dimension:
            draft.windows[days] = metrics


def provisioned(view: View) -> RecordSet:
    """Return the provisioned throughputs in service, with the sums of their own series."""
    return view.finish(_provisioned(view), view.gaps("ListProvisionedModelThroughputs"))


def _provisioned(view: View) -> Iterator[Record]:
    listed = models(view.scope, view.region)
    for found in view.items("ListProvisionedModelThroughputs"):
        if found.value["status"] != "InService":
            continue
        arn = found.value["provisionedModelArn"]
        draft = view.of(found)
        _add_metrics(draft, dimension_of(arn, listed))
        draft.attributes |= {
            "name": found.value.get("provisionedModelName"),
            "model": found.value.get("modelArn"),
        }
        yield draft.record(arn)
