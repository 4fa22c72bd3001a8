"""Command lines of containers, quantities, secrets and claims: the parts that need no run."""

from pathlib import Path
from typing import Any

import pytest

from kfadapter.engine.running.claims import ClaimRefused, Claims
from kfadapter.engine.running.containers import (
    ContainerOrder,
    ContainerProgram,
    ContainerRefused,
    quantity,
    resource_options,
)
from kfadapter.engine.running.kubernetes import Grants, Mount, TaskFacts, Unavailable
from kfadapter.engine.running.processes import Children
from kfadapter.engine.running.vaults import config_maps, secrets

FACTS = TaskFacts(run_id="run", task_id="task", attempt=2)


def started(name: str = "docker", **changes: Any) -> tuple[list[str], dict[str, str]]:
    given: dict[str, Any] = {
        "name": "one",
        "labels": {},
        "image": "image",
        "command": ["sh", "-c"],
        "arguments": ["true"],
        "variables": {},
        "secrets": frozenset(),
        "mounts": [],
        "user": "1000:1000",
    }
    program = ContainerProgram(name, {"PATH": "/bin", "HOME": "/home/engine"}, Children(), {"MARK": "run"})
    return program.start(ContainerOrder(**(given | changes)))


def test_the_command_replaces_the_entry_point_and_arguments_follow_the_image() -> None:
    words, _ = started()
    assert words[-5:] == ["--entrypoint", "sh", "image", "-c", "true"]
    words, _ = started(command=[], arguments=["only"])
    assert words[-2:] == ["image", "only"]
    assert "--entrypoint" not in words


def test_podman_without_root_keeps_the_users_number() -> None:
    assert "--userns" in started("podman")[0]
    assert "--userns" not in started("podman", user="0:0")[0]
    assert "--userns" not in started("docker")[0]


def test_variables_that_steer_the_program_do_not_reach_it() -> None:
    words, variables = started(variables={"WORD": "x", "DOCKER_HOST": "tcp://evil", "PATH": "/evil", "MARK": "other"})
    assert variables == {"WORD": "x", "PATH": "/bin", "HOME": "/home/engine", "MARK": "run"}
    given = [words[index + 1] for index, word in enumerate(words) if word == "--env"]
    assert given == ["WORD", "DOCKER_HOST=tcp://evil", "PATH=/evil", "MARK=other"]
    with pytest.raises(ContainerRefused, match="DOCKER_TOKEN"):
        started(variables={"DOCKER_TOKEN": "secret"}, secrets=frozenset({"DOCKER_TOKEN"}))


def test_paths_that_would_part_a_mount_are_quoted() -> None:
    words, _ = started(mounts=[Mount(source=Path('/a,b"c'), target="/mnt,ro", is_read_only=True)])
    assert words[words.index("--mount") + 1] == 'type=bind,"source=/a,b""c","target=/mnt,ro",readonly'


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("500m", 0.5),
        ("2", 2),
        ("1.5", 1.5),
        ("1Gi", 2**30),
        ("1G", 10**9),
        ("128Mi", 2**27),
        ("1e3", 1000),
        ("1k", 1000),
    ],
)
def test_quantities_are_those_of_kubernetes(text: str, number: float) -> None:
    assert quantity(text) == number


@pytest.mark.parametrize("text", ["", "much", "1 G", "1GB", "-1", "1mi"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ContainerRefused):
        quantity(text)


def test_limits_become_options() -> None:
    assert resource_options("250m", "1Gi", "2", "Never") == [
        *("--cpus", "0.25", "--memory", str(2**30), "--gpus", "2", "--pull", "never"),
    ]
    assert resource_options("", "", "0", "Sometimes") == []


@pytest.fixture
def grants(tmp_path: Path) -> Grants:
    for place in ("secrets/login", "maps/site"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "secrets" / "login" / "password").write_bytes(b"pass\n")
    (tmp_path / "secrets" / "login" / "binary").write_bytes(b"\xff\x00")
    return Grants(secrets(tmp_path / "secrets"), config_maps(tmp_path / "maps"), Claims(tmp_path / "claims"))


def asking(key: str, variable: str = "X", **more: Any) -> dict[str, Any]:
    return {"secretAsEnv": [{"secretName": "login", "keyToEnv": [{"secretKey": key, "envVar": variable}], **more}]}


def test_a_value_is_what_stands_in_its_file(grants: Grants, tmp_path: Path) -> None:
    granted = grants.grant(asking("password"), FACTS, tmp_path)
    assert granted.variables == {"X": "pass\n"}
    assert granted.secret_variables == {"X"}


@pytest.mark.parametrize("settings", [asking("binary"), asking("password", "A=B"), asking("..data"), asking("")])
def test_what_does_not_fit_is_refused(grants: Grants, tmp_path: Path, settings: dict[str, Any]) -> None:
    with pytest.raises(Unavailable):
        grants.grant(settings, FACTS, tmp_path)


@pytest.mark.parametrize("target", ["relative", "", "/a/../etc", "/a\nb"])
def test_a_mount_needs_a_plain_path(grants: Grants, tmp_path: Path, target: str) -> None:
    with pytest.raises(Unavailable):
        grants.grant({"emptyDirMounts": [{"volumeName": "v", "mountPath": target}]}, FACTS, tmp_path / "volumes")


def test_volumes_of_odd_names_stay_in_their_place(grants: Grants, tmp_path: Path) -> None:
    settings = {"emptyDirMounts": [{"volumeName": "../../x", "mountPath": "/v"}]}
    (mount,) = grants.grant(settings, FACTS, tmp_path / "volumes").mounts
    assert mount.source.parent == tmp_path / "volumes"


def test_claims_are_named_as_the_driver_names_them(tmp_path: Path) -> None:
    claims = Claims(tmp_path / "claims")
    create = "argostub/createpvc"
    assert claims.carry_out(create, {"pvc_name": "mine"}) == {"name": "mine"}
    generated = claims.carry_out(create, {"pvc_name_suffix": "-data"})["name"]
    assert generated.endswith("-data")
    assert claims.has(generated)
    for wrong in ({"pvc_name": "mine"}, {"pvc_name": "a", "pvc_name_suffix": "b"}, {"pvc_name": "../x"}):
        with pytest.raises(ClaimRefused):
            claims.carry_out(create, wrong)
    assert claims.carry_out("argostub/deletepvc", {"pvc_name": "mine"}) == {}
    with pytest.raises(ClaimRefused, match="no volume claim 'mine'"):
        claims.carry_out("argostub/deletepvc", {"pvc_name": "mine"})
