"""What is refused and what is warned of, before anything runs."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kfadapter.engine.config import EngineSettings
from kfadapter.engine.running.abilities import Abilities
from kfadapter.engine.running.preflight import preflight
from kfadapter.engine.running.runner_settings import RunnerSettings
from support.programs import Programs

LIGHT = ["sh", "-ec", "python3 -m kfp.dsl.executor_main", "source"]


def able(**settings: Any) -> Abilities:
    """What an engine with these settings can do."""
    return RunnerSettings.of(EngineSettings(**{"data_dir": Path("/nonexistent"), **settings}), 1).abilities


def spec(
    executor: dict[str, Any] | None = None, task: dict[str, Any] | None = None, **components: Any
) -> dict[str, Any]:
    train = {"componentRef": {"name": "train"}, **(task or {})}
    return {
        "root": {"dag": {"tasks": {"train": train}}},
        "components": {"train": {"executorLabel": "exec"}, **components},
        "deploymentSpec": {
            "executors": {"exec": executor or {"container": {"image": "python:3.11", "command": LIGHT}}}
        },
    }


def found(
    document: dict[str, Any], kubernetes: dict[str, Any] | None = None, **settings: Any
) -> set[tuple[str, str, str]]:
    platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"exec": kubernetes or {}}}}}}
    return {(one.task, one.severity, one.feature) for one in preflight(document, platform, able(**settings))}


def light(**resources: Any) -> dict[str, Any]:
    return {"container": {"image": "i", "command": LIGHT, "resources": resources}}


def test_a_plain_pipeline_has_no_findings() -> None:
    assert preflight(spec(), None, able()) == ()


@pytest.mark.parametrize(
    ("executor", "feature"),
    [
        ({"container": {"image": "busybox", "command": ["echo"]}}, "container image busybox"),
        (light(accelerator={"resourceType": "nvidia.com/gpu", "resourceCount": "1"}), "accelerator nvidia.com/gpu"),
        ({"importer": {"downloadToWorkspace": True, "artifactUri": {"constant": "s3://a/b"}}}, "download to workspace"),
        ({"customJob": {}}, "customJob"),
    ],
)
def test_what_only_a_cluster_can_do_is_refused(executor: dict[str, Any], feature: str) -> None:
    assert found(spec(executor)) == {("train", "refused", feature)}


def test_claims_are_made_whether_they_can_be_mounted_or_not() -> None:
    assert found(spec({"container": {"image": "argostub/createpvc"}})) == set()


@pytest.mark.parametrize("setting", ["secretAsEnv", "secretAsVolume", "configMapAsEnv", "pvcMount", "emptyDirMounts"])
def test_needed_kubernetes_settings_are_refused(setting: str) -> None:
    assert {severity for _, severity, _ in found(spec(), {setting: [{}]})} == {"refused"}


@pytest.mark.parametrize("setting", ["nodeSelector", "tolerations", "imagePullPolicy", "podMetadata", "newerSetting"])
def test_harmless_kubernetes_settings_are_warned_of(setting: str) -> None:
    assert found(spec(), {setting: {}}) == {("train", "warning", setting)}


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("podMetadata", {"labels": {"team": "ran"}}, ": label team=ran"),
        ("nodeSelector", {"labels": {"disk": "ssd"}}, ": on a node with disk=ssd"),
        ("tolerations", "odd", ""),
    ],
)
def test_an_ignored_setting_is_told_in_words(setting: str, value: Any, told: str) -> None:
    platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"exec": {setting: value}}}}}}
    (finding,) = preflight(spec(), platform, able())
    assert finding.message == f"the Kubernetes setting {setting} is ignored{told}"


def test_deadlines_are_honoured_and_limits_warned_of() -> None:
    assert found(spec(), {"activeDeadlineSeconds": "5"}) == set()
    limits = light(cpuLimit=1, memoryLimit=1, resourceCpuLimit="1")
    assert found(spec(limits)) == {("train", "warning", "CPU limit"), ("train", "warning", "memory limit")}


def test_what_may_never_run_is_only_warned_of() -> None:
    image = {"container": {"image": "busybox", "command": ["echo"]}}
    inner = {"dag": {"tasks": {"deep": {"componentRef": {"name": "train"}}}}}
    document = spec(image, {"triggerPolicy": {"condition": "1 == 1"}, "componentRef": {"name": "inner"}}, inner=inner)
    assert found(document) == {("train.deep", "warning", "container image busybox")}


def test_broken_documents_are_refused_not_crashed_on() -> None:
    assert found(spec(task={"componentRef": {"name": "ghost"}})) == {("train", "refused", "missing component")}
    loop = {"dag": {"tasks": {"again": {"componentRef": {"name": "loop"}}}}}
    assert found(spec(task={"componentRef": {"name": "loop"}}, loop=loop)) == {("train.again", "refused", "recursion")}
    odd = spec(task={"triggerPolicy": {"condition": "__import__('os')"}})
    assert ("train", "warning", "condition") in found(odd)
    assert {severity for _, severity, _ in found({"root": {}})} == {"refused"}
    assert {feature for _, _, feature in found({**spec(), "deploymentSpec": {}})} == {"missing executor"}


BUSYBOX = {"container": {"image": "busybox", "command": ["echo"]}}


@pytest.fixture
def programs(tmp_path: Path) -> dict[str, str]:
    return Programs(tmp_path / "programs").settings


def test_images_run_where_there_is_a_container_program(programs: dict[str, str]) -> None:
    with_programs = partial(found, container_environment=programs)
    assert with_programs(spec(BUSYBOX), containers="docker") == set()
    assert with_programs(spec(light(resourceMemoryLimit="1G")), containers="podman") == set()
    gpu = light(accelerator={"resourceType": "nvidia.com/gpu", "resourceCount": "1"})
    assert with_programs(spec(gpu), containers="docker") == set()
    tpu = light(accelerator={"resourceType": "google.com/tpu", "resourceCount": "1"})
    assert with_programs(spec(tpu), containers="docker") == {("train", "refused", "accelerator google.com/tpu")}


@pytest.mark.parametrize("program", ["docker", "podman"])
def test_what_is_to_run_in_a_container_is_refused_where_the_program_is_missing(tmp_path: Path, program: str) -> None:
    lacking: dict[str, Any] = {"containers": program, "container_environment": {"PATH": str(tmp_path)}}
    assert found(spec(BUSYBOX), **lacking) == {("train", "refused", "container image busybox")}
    assert found(spec(), **lacking) == set()
    assert able(**lacking).warning == "there is no program to run containers with"
    assert able().warning == ""


@pytest.mark.parametrize(
    ("container", "severity"),
    [
        ({"image": "busybox", "command": ["echo"]}, "warning"),
        ({"image": "busybox", "args": ["echo"]}, "refused"),
        ({"image": "mine", "command": ["python3", "-m", "kfp.dsl.executor_main"]}, "refused"),
    ],
)
def test_the_host_runs_commands_that_are_not_in_their_image(container: dict[str, Any], severity: str) -> None:
    image = f"container image {container['image']}"
    assert found(spec({"container": container}), containers="host") == {("train", severity, image)}


def test_volumes_need_a_container(programs: dict[str, str]) -> None:
    mount = {"emptyDirMounts": [{"volumeName": "v", "mountPath": "/v", "sizeLimit": "1Gi"}]}
    feature = "an empty-directory volume"
    docker: dict[str, Any] = {"containers": "docker", "container_environment": programs}
    assert found(spec(BUSYBOX), mount, **docker) == {("train", "warning", feature)}
    assert ("train", "refused", feature) in found(spec(BUSYBOX), mount, containers="host")
    assert found(spec(), mount) == {("train", "refused", feature)}


def test_secrets_are_looked_for_by_the_names_that_are_known(tmp_path: Path) -> None:
    (tmp_path / "login").mkdir()
    (tmp_path / "login" / "password").touch()
    feature = "a Kubernetes secret as environment variable"

    def asking(key: str, **more: Any) -> set[tuple[str, str, str]]:
        one = {"keyToEnv": [{"secretKey": key, "envVar": "X"}], **more}
        return found(spec(), {"secretAsEnv": [one]}, secrets_dir=tmp_path)

    assert asking("password", secretName="login") == set()
    assert asking("password", secretNameParameter={"runtimeValue": {"constant": "login"}}) == set()
    assert asking("password", secretNameParameter={"componentInputParameter": "secret"}) == set()
    assert asking("token", secretName="login") == {("train", "refused", feature)}
    assert asking("token", secretName="login", optional=True) == {("train", "warning", feature)}


def test_of_what_a_pipeline_asks_as_a_whole_only_what_is_passed_over_is_warned_of() -> None:
    asked = {"activeDeadlineSeconds": 60, "workspace": {"size": "1Gi"}, "resourceTtlOnFailure": 5}
    found = preflight(spec(), {"platforms": {"kubernetes": {"pipelineConfig": asked}}}, able())
    assert [(one.task, one.severity, one.feature) for one in found] == [("", "warning", "resourceTtlOnFailure")]


@pytest.mark.parametrize("asked", ["soon", [1], {}])
def test_a_limit_that_is_no_number_is_refused(asked: Any) -> None:
    found = preflight(
        spec(), {"platforms": {"kubernetes": {"pipelineConfig": {"activeDeadlineSeconds": asked}}}}, able()
    )
    assert [(one.severity, one.feature) for one in found] == ([("refused", "activeDeadlineSeconds")] if asked else [])


def test_tasks_that_wait_for_each_other_are_refused() -> None:
    found = preflight(spec(task={"dependentTasks": ["train"]}), None, able())
    assert [(one.task, one.severity, one.feature) for one in found] == [("", "refused", "circle")]
    assert found[0].message == "tasks wait for each other: train -> train"


def test_retries_of_a_dag_are_warned_of() -> None:
    inner = {"dag": {"tasks": {"train": {"componentRef": {"name": "train"}}}}}
    task = {"componentRef": {"name": "inner"}, "retryPolicy": {"maxRetryCount": 2}}
    found = preflight(spec(task=task, inner=inner), None, able())
    assert [(one.task, one.severity, one.feature) for one in found] == [("train", "warning", "retries")]


def test_an_artifact_that_no_run_can_be_given_is_refused() -> None:
    document = spec()
    artifact = {"artifactType": {"schemaTitle": "system.Dataset"}}
    document["root"]["inputDefinitions"] = {"artifacts": {"data": artifact, "more": {**artifact, "isOptional": True}}}
    assert found(document) == {("", "refused", "input artifact")}
