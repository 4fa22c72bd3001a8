"""Secrets, config maps, fields, volumes and claims in real runs."""

# Components are written as their authors would: they print, open files, and have types that mypy does not follow.
# mypy: ignore-errors
# ruff: noqa: T201

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.programs import Programs

pytestmark = pytest.mark.filterwarnings("ignore:The default base_image:FutureWarning")
PASSWORD = "correct horse battery"


@pytest.fixture
def whole(kfp: Any, tmp_path: Path) -> Callable[..., tuple[dict[str, Any], dict[str, Any]]]:
    """Compiles a pipeline function to its two documents."""

    def compile_it(pipeline: Callable[..., Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wrapped = kfp.dsl.pipeline(name="tested")(pipeline)
            kfp.compiler.Compiler().compile(wrapped, str(tmp_path / "pipeline.yaml"))
        spec, platform = yaml.load_all((tmp_path / "pipeline.yaml").read_text(), Loader=yaml.CSafeLoader)
        return spec, platform

    return compile_it


@pytest.fixture
def kubernetes(kfp: Any) -> Any:
    from kfp import kubernetes

    return kubernetes


@pytest.fixture
def secrets_dir(tmp_path: Path) -> Path:
    place = tmp_path / "secrets"
    (place / "login").mkdir(parents=True)
    (place / "login" / "password").write_text(PASSWORD)
    (place / "login" / "user.name").write_text("someone")
    return place


@pytest.fixture
def config_maps_dir(tmp_path: Path) -> Path:
    place = tmp_path / "config"
    (place / "site").mkdir(parents=True)
    (place / "site" / "url").write_text("http://here")
    return place


@pytest.fixture
async def keeping(start: Any, secrets_dir: Path, config_maps_dir: Path) -> Any:
    """An engine that has secrets and config maps."""
    return await start(secrets_dir=secrets_dir, config_maps_dir=config_maps_dir)


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path / "programs")


@pytest.fixture
async def docker(start: Any, programs: Programs, secrets_dir: Path, config_maps_dir: Path) -> Any:
    """The same, with containers."""
    return await start(
        containers="docker",
        container_environment=programs.settings,
        secrets_dir=secrets_dir,
        config_maps_dir=config_maps_dir,
    )


@pytest.fixture
def show(kfp: Any) -> Any:
    @kfp.dsl.component
    def show(name: str) -> str:
        import os

        print("it is", os.environ.get(name))
        return str(os.environ.get(name))

    return show


async def test_secrets_and_config_maps_become_variables(keeping: Any, whole: Any, kubernetes: Any, show: Any) -> None:
    def pipeline(secret: str) -> str:
        task = show(name="URL")
        kubernetes.use_config_map_as_env(task, "site", {"url": "URL"})
        kubernetes.use_secret_as_env(task, secret, {"password": "PASSWORD", "user.name": "NAME"})
        return task.output

    spec, platform = whole(pipeline)
    _, end = await keeping.run(spec, platform_spec=platform, parameters={"secret": "login"})
    assert end["outputs"]["parameters"] == {"Output": "http://here"}, end["error"]


async def test_the_values_of_secrets_are_seen_nowhere(
    keeping: Any, whole: Any, kubernetes: Any, show: Any, kfp: Any
) -> None:
    dsl = kfp.dsl

    @dsl.component
    def measure(word: str) -> int:
        print("given", word)
        return len(word)

    def pipeline() -> int:
        task = show(name="PASSWORD")
        kubernetes.use_secret_as_env(task, "login", {"password": "PASSWORD"})
        return measure(word=task.output).output

    spec, platform = whole(pipeline)
    run_id, end = await keeping.run(spec, platform_spec=platform)
    assert end["outputs"]["parameters"] == {"Output": len(PASSWORD)}, end["error"]
    assert keeping.log(run_id, "show").count("it is [redacted]") == 1
    assert "given [redacted]" in keeping.log(run_id, "measure")
    assert PASSWORD not in (keeping.directory(run_id) / "events.jsonl").read_text()
    assert keeping.rows.tasks(run_id)["measure"]["inputs"]["parameters"] == {"word": "[redacted]"}


async def test_a_secret_in_an_exception_is_covered(keeping: Any, whole: Any, kubernetes: Any, kfp: Any) -> None:
    @kfp.dsl.component
    def fail():
        import os

        raise ValueError(f"wrong password {os.environ['PASSWORD']}!")

    def pipeline():
        kubernetes.use_secret_as_env(fail(), "login", {"password": "PASSWORD"})

    spec, platform = whole(pipeline)
    run_id, end = await keeping.run(spec, platform_spec=platform)
    assert end["error"]["message"].startswith("task fail failed: ValueError: wrong password [redacted]!")
    assert PASSWORD not in (keeping.directory(run_id) / "events.jsonl").read_text() + keeping.log(run_id, "fail")


async def test_a_secret_that_was_given_away_stays_covered_when_the_run_is_retried(
    keeping: Any, whole: Any, kubernetes: Any, show: Any, kfp: Any, make_order: Any, tmp_path: Path
) -> None:
    @kfp.dsl.component
    def need(place: str, word: str) -> int:
        with open(place):
            print("given", word)
        return len(word)

    def pipeline(place: str) -> int:
        task = show(name="PASSWORD")
        kubernetes.use_secret_as_env(task, "login", {"password": "PASSWORD"})
        return need(place=place, word=task.output).output

    spec, platform = whole(pipeline)
    order = make_order(spec, {"place": str(tmp_path / "place")}, platform_spec=platform)
    await keeping.supervisor.submit(order)
    assert (await keeping.rows.end(order.run_id))["state"] == "FAILED"
    (tmp_path / "place").touch()
    await keeping.supervisor.retry(order)
    end = await keeping.rows.end(order.run_id, 2)
    assert end["outputs"]["parameters"] == {"Output": len(PASSWORD)}
    assert "given [redacted]" in keeping.log(order.run_id, "need")
    assert PASSWORD not in (keeping.directory(order.run_id) / "events.jsonl").read_text()


@pytest.mark.parametrize(
    ("secret", "key", "reason"),
    [
        ("login", "token", "the secret 'login' has no key 'token'"),
        ("other", "password", "the secret 'other' is not there"),
        ("../secrets/login", "password", "is not there"),
        ("login", "../login/password", "has no key"),
    ],
)
async def test_what_is_not_there_is_refused_at_once_or_when_its_name_is_known(
    keeping: Any, whole: Any, kubernetes: Any, show: Any, secret: str, key: str, reason: str
) -> None:
    def constant():
        kubernetes.use_secret_as_env(show(name="X"), secret, {key: "X"})

    def by_argument(secret: str):
        kubernetes.use_secret_as_env(show(name="X"), secret, {key: "X"})

    spec, platform = whole(constant)
    run_id, end = await keeping.run(spec, platform_spec=platform)
    assert (end["error"]["code"], keeping.rows.states(run_id)) == (12, {})
    assert reason in end["error"]["message"]
    assert end["error"]["message"].startswith("task show: ")
    spec, platform = whole(by_argument)
    run_id, end = await keeping.run(spec, platform_spec=platform, parameters={"secret": secret})
    assert (end["error"]["code"], keeping.rows.states(run_id)) == (12, {"show": "FAILED"})
    assert reason in end["error"]["message"]


async def test_what_is_optional_may_be_missing(start: Any, whole: Any, kubernetes: Any, show: Any) -> None:
    def pipeline() -> str:
        task = show(name="X")
        kubernetes.use_secret_as_env(task, "other", {"password": "X"}, optional=True)
        kubernetes.use_config_map_as_env(task, "other", {"url": "Y"}, optional=True)
        return task.output

    spec, platform = whole(pipeline)
    engine = await start()
    _, end = await engine.run(spec, platform_spec=platform)
    assert end["outputs"]["parameters"] == {"Output": "None"}, end["error"]


async def test_another_value_makes_another_result(
    keeping: Any, whole: Any, kubernetes: Any, show: Any, config_maps_dir: Path
) -> None:
    def pipeline() -> str:
        task = show(name="URL")
        kubernetes.use_config_map_as_env(task, "site", {"url": "URL"})
        return task.output

    spec, platform = whole(pipeline)
    cached = []
    for _ in range(2):
        run_id, _ = await keeping.run(spec, platform_spec=platform)
        cached.append(keeping.rows.tasks(run_id)["show"]["cached"])
    (config_maps_dir / "site" / "url").write_text("http://there")
    _, end = await keeping.run(spec, platform_spec=platform)
    assert cached == [False, True]
    assert end["outputs"]["parameters"] == {"Output": "http://there"}


async def test_fields_of_the_pod_are_what_comes_nearest(engine: Any, whole: Any, kubernetes: Any, kfp: Any) -> None:
    @kfp.dsl.component
    def fields() -> list:
        import os

        return [os.environ[name] for name in ("POD", "UID_", "RUN")]

    def pipeline() -> list:
        task = fields()
        kubernetes.use_field_path_as_env(task, "POD", "metadata.name")
        kubernetes.use_field_path_as_env(task, "UID_", "metadata.uid")
        kubernetes.use_field_path_as_env(task, "RUN", "metadata.labels['pipeline/runid']")
        return task.output

    spec, platform = whole(pipeline)
    run_id, end = await engine.run(spec, platform_spec=platform)
    task_id = engine.rows.tasks(run_id)["fields"]["task_id"]
    assert end["outputs"]["parameters"] == {"Output": [f"{task_id}-0", task_id, run_id]}, end["error"]


async def test_volumes_are_mounted_into_containers(
    docker: Any, programs: Programs, whole: Any, kubernetes: Any, kfp: Any, secrets_dir: Path, config_maps_dir: Path
) -> None:
    dsl = kfp.dsl

    @dsl.container_component
    def look(said: dsl.OutputPath(str)):
        program = (
            'cat /mnt/secret/password /mnt/config/url > "$0"; echo kept > /mnt/empty/file; cat /mnt/secret/password'
        )
        return dsl.ContainerSpec(image="busybox", command=["sh", "-c", program], args=[said])

    def pipeline():
        task = look()
        kubernetes.use_secret_as_volume(task, "login", "/mnt/secret")
        kubernetes.use_config_map_as_volume(task, "site", "/mnt/config")
        kubernetes.empty_dir_mount(task, "scratch", "/mnt/empty")

    spec, platform = whole(pipeline)
    run_id, end = await docker.run(spec, platform_spec=platform)
    assert end["state"] == "SUCCEEDED", end["error"]
    mounts = programs.options("--mount")
    assert f"type=bind,source={secrets_dir}/login,target=/mnt/secret,readonly" in mounts
    assert f"type=bind,source={config_maps_dir}/site,target=/mnt/config,readonly" in mounts
    scratch = [one for one in mounts if one.endswith("target=/mnt/empty")]
    assert len(scratch) == 1
    assert Path(scratch[0].split(",")[1].removeprefix("source=")).is_relative_to(docker.directory(run_id))
    assert docker.log(run_id, "look") == "[redacted]"
    assert PASSWORD not in json.dumps(docker.rows.tasks(run_id)["look"]["outputs"])


async def test_a_claim_is_made_mounted_and_removed(
    docker: Any, programs: Programs, whole: Any, kubernetes: Any, kfp: Any
) -> None:
    dsl = kfp.dsl

    @dsl.container_component
    def put():
        return dsl.ContainerSpec(image="busybox", command=["sh", "-c", "echo kept > /data/note"])

    @dsl.container_component
    def get(said: dsl.OutputPath(str)):
        return dsl.ContainerSpec(image="busybox", command=["sh", "-c", 'cat /data/note > "$0"'], args=[said])

    def pipeline() -> str:
        claim = kubernetes.CreatePVC(pvc_name_suffix="-data", access_modes=["ReadWriteMany"], size="1Gi")
        first = put()
        kubernetes.mount_pvc(first, pvc_name=claim.outputs["name"], mount_path="/data")
        second = get().after(first)
        kubernetes.mount_pvc(second, pvc_name=claim.outputs["name"], mount_path="/data")
        kubernetes.DeletePVC(pvc_name=claim.outputs["name"]).after(second)
        return second.outputs["said"]

    spec, platform = whole(pipeline)
    names = set()
    for _ in range(2):
        run_id, end = await docker.run(spec, platform_spec=platform)
        assert end["outputs"]["parameters"] == {"Output": "kept\n"}, end["error"]
        rows = docker.rows.tasks(run_id)
        names.add(rows["createpvc"]["outputs"]["parameters"]["name"])
        assert not any(row["cached"] for row in rows.values())
    assert len(names) == 2
    assert all(name.endswith("-data") for name in names)
    assert list((docker.settings.data_dir / "claims").iterdir()) == []


async def test_claims_of_ones_own_are_mounted_by_name(
    docker: Any, programs: Programs, whole: Any, kubernetes: Any, kfp: Any
) -> None:
    dsl = kfp.dsl

    @dsl.container_component
    def get(said: dsl.OutputPath(str)):
        return dsl.ContainerSpec(image="busybox", command=["sh", "-c", 'cat /data/note > "$0"'], args=[said])

    def pipeline() -> str:
        task = get()
        kubernetes.mount_pvc(task, pvc_name="training-data", mount_path="/data", sub_path="deep/er")
        return task.outputs["said"]

    spec, platform = whole(pipeline)
    _, end = await docker.run(spec, platform_spec=platform)
    assert "there is no volume claim 'training-data'" in end["error"]["message"]
    place = docker.settings.data_dir / "claims" / "training-data" / "deep" / "er"
    place.mkdir(parents=True)
    (place / "note").write_text("mine")
    _, end = await docker.run(spec, platform_spec=platform)
    assert end["outputs"]["parameters"] == {"Output": "mine"}, end["error"]


@pytest.mark.parametrize(("sub_path", "reason"), [("../../runs", "leads out of"), ("/", "")])
async def test_a_path_below_a_claim_stays_there(
    docker: Any, whole: Any, kubernetes: Any, kfp: Any, sub_path: str, reason: str
) -> None:
    dsl = kfp.dsl

    @dsl.container_component
    def nothing():
        return dsl.ContainerSpec(image="busybox", command=["true"])

    def pipeline():
        kubernetes.mount_pvc(nothing(), pvc_name="mine", mount_path="/data", sub_path=sub_path)

    (docker.settings.data_dir / "claims" / "mine").mkdir(parents=True)
    spec, platform = whole(pipeline)
    _, end = await docker.run(spec, platform_spec=platform)
    assert (reason in end["error"]["message"]) if reason else end["state"] == "SUCCEEDED"


async def test_volumes_without_containers_are_refused_with_task_feature_and_reason(
    keeping: Any, whole: Any, kubernetes: Any, show: Any
) -> None:
    def pipeline():
        kubernetes.use_secret_as_volume(show(name="X"), "login", "/mnt/secret")

    spec, platform = whole(pipeline)
    run_id, end = await keeping.run(spec, platform_spec=platform)
    assert end["error"]["message"] == (
        "task show: it needs a Kubernetes secret as volume, which only a container can have"
        " (KFADAPTER_ENGINE_CONTAINERS is off)"
    )
    assert keeping.rows.states(run_id) == {}
