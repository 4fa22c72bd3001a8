"""Starting runs in a fake Kubeflow, with the checks that KFP makes and in its order."""

from collections.abc import Mapping
from typing import Any

from kfadapter.testing.kubeflow.wire import KFPError, Wire, internal, invalid, not_found
from kfadapter.testing.kubeflow.world import FakeRun, FakeVersion, World, fresh_id, root_parameters

CREATE = "Failed to create a new run"
MANIFEST = "Failed to create a run due to error fetching manifest"
INPUTS = f"{CREATE}: Failed to generate the ExecutionSpec: invalid pipeline job inputs"
NUMBERS = frozenset({"NUMBER_INTEGER", "NUMBER_DOUBLE"})


def create_run(world: World, body: Mapping[str, Any], wire: Wire) -> FakeRun:
    """Start a run as `POST /runs` does.

    KFP starts the workflow before it stores the run: an id that is taken fails only after that.

    Raises:
        KFPError: It is refused.
    """
    name = _display_name(body)
    experiment_id = _experiment_id(world, str(body.get("experiment_id") or ""))
    version = _version(world, body.get("pipeline_version_reference") or {}) if "pipeline_spec" not in body else None
    spec = version.pipeline_spec if version is not None else _inline(body["pipeline_spec"])
    config = body.get("runtime_config") or {}
    parameters = config.get("parameters") or {}
    if not isinstance(parameters, dict) or isinstance(config.get("parameters"), list):
        raise KFPError(3, "proto: syntax error (line 1:2): unexpected token [")
    check_parameters(root_parameters(spec), parameters)
    run_id = str(body.get("run_id") or fresh_id())
    world.workflows[run_id] += 1
    if run_id in world.runs:
        stored = (
            f"Failed to store run {name} to table: Error 1062 (23000): Duplicate entry '{run_id}' for key 'PRIMARY'"
        )
        raise internal(CREATE, stored)
    return world.add_run(
        name,
        run_id=run_id,
        description=str(body.get("description") or ""),
        experiment_id=experiment_id,
        pipeline_id=version.pipeline_id if version is not None else "",
        pipeline_version_id=version.pipeline_version_id if version is not None else "",
        pipeline_spec=None if version is not None else spec,
        runtime_config=_sorted(config),
        service_account=str(body.get("service_account") or "pipeline-runner"),
        storage_state=str(body.get("storage_state") or "AVAILABLE"),
        extra={} if wire.is_old else {key: body[key] for key in ("plugins_input",) if key in body},
    )


def source_spec(world: World, body: Mapping[str, Any]) -> Any:
    """The specification a recurring run names or brings along, once its arguments fit.

    Raises:
        KFPError: There is none, or they do not.
    """
    version = _version(world, body.get("pipeline_version_reference") or {}) if "pipeline_spec" not in body else None
    spec = version.pipeline_spec if version is not None else _inline(body["pipeline_spec"])
    check_parameters(root_parameters(spec), (body.get("runtime_config") or {}).get("parameters") or {})
    return spec


def check_parameters(declared: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuse unknown, missing and ill-typed arguments, one at a time as KFP does.

    Raises:
        KFPError: One does not fit.
    """
    for name, parameter in declared.items():
        if name in given:
            _check_type(name, parameter, given[name])
        elif not parameter.get("isOptional") and "defaultValue" not in parameter:
            raise invalid(
                INPUTS, f"parameter {name} is not optional, yet has neither default value nor user provided value"
            )
    unknown = [name for name in given if name not in declared]
    if unknown:
        raise invalid(INPUTS, f"parameter(s) provided are not required by pipeline: {', '.join(unknown)}")


def _check_type(name: str, parameter: Mapping[str, Any], value: Any) -> None:
    kind = parameter.get("parameterType", "STRING")
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind in NUMBERS and not is_number:
        wanted_number = f"input parameter {name} requires type double or integer"
        raise invalid(INPUTS, f"{wanted_number}, but the parameter value is not of number value type")
    for wanted, python, words in (
        ("STRING", str, "string"),
        ("BOOLEAN", bool, "bool"),
        ("LIST", list, "list"),
        ("STRUCT", dict, "struct"),
    ):
        if kind == wanted and not isinstance(value, python):
            raise invalid(
                INPUTS,
                f"input parameter {name} requires type {words}, but the input parameter is not of {words} value type",
            )
    if "literals" in parameter and value not in parameter["literals"]:
        allowed = " ".join(map(str, parameter["literals"]))
        raise invalid(
            INPUTS,
            f'input parameter "{name}" value {value} does not match any of the allowed literal values: [{allowed}]',
        )


def _display_name(body: Mapping[str, Any]) -> str:
    name = str(body.get("display_name") or "")
    if not name:
        cause = "Failed to convert a API run detail to its internal representation: "
        raise internal(
            "CreateJob(job.ToV2())Failed to create a run due to conversion error",
            cause + "Invalid input error: Run name cannot be empty",
        )
    return name


def _experiment_id(world: World, experiment_id: str) -> str:
    if not experiment_id:
        return world.default_experiment().experiment_id
    if experiment_id not in world.experiments:
        raise not_found(
            f"{CREATE}: Failed to create a run due to invalid experimentId and namespace combination",
            f"Experiment {experiment_id}",
        )
    return experiment_id


def _version(world: World, reference: Mapping[str, Any]) -> FakeVersion:
    pipeline_id = str(reference.get("pipeline_id") or "")
    version_id = str(reference.get("pipeline_version_id") or "")
    if not pipeline_id and not version_id:
        raise _no_manifest("Invalid input error: Failed to fetch a template with an empty pipeline spec manifest")
    version = world.versions.get(version_id) if version_id else world.latest_version(pipeline_id)
    if version is None:
        what = version_id or pipeline_id
        raise _no_manifest(
            "Failed to fetch a template due to error retrieving pipeline version: "
            f"ResourceNotFoundError: PipelineVersion {what} not found"
        )
    if pipeline_id not in ("", version.pipeline_id):
        raise _no_manifest(
            "Failed to fetch a template due to error retrieving pipeline version: Invalid input error: "
            f"Pipeline version {version_id} belongs to pipeline {version.pipeline_id}, not {pipeline_id}"
        )
    return version


def _inline(spec: Any) -> Any:
    inner = spec.get("pipeline_spec", spec) if isinstance(spec, dict) else spec
    if not isinstance(inner, dict) or "root" not in inner:
        raise _no_manifest(
            "Failed to fetch a template with an invalid pipeline spec manifest: "
            "InvalidInputError: unknown template format: pipeline spec is invalid"
        )
    return spec if "platform_spec" in spec else inner


def _no_manifest(cause: str) -> KFPError:
    return internal(CREATE, f"{MANIFEST}: {cause}")


def _sorted(config: Mapping[str, Any]) -> Any:
    parameters = config.get("parameters")
    return {**config, "parameters": dict(sorted(parameters.items()))} if parameters else dict(config)
