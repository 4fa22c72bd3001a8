"""What steps ask of Kubernetes, setting by setting and in words."""

from typing import Any

import pytest

from kfadapter.errors import PackageError
from kfadapter.pipelines.fields import Fields
from kfadapter.pipelines.kubernetes_settings import SettingKind, read_settings
from kfadapter.pipelines.platform import read_platform
from support.described import described


def words(name: str, label: str = "exec-say", version: str = "2.17") -> list[str]:
    return [setting.text for setting in described(name, version).platform.executors[label]]


def one(field: str, value: Any) -> tuple[SettingKind, str]:
    (setting,) = read_settings(Fields({field: value}, "x"))
    assert setting.field == field
    return setting.kind, setting.text


def test_everything_of_a_pod_is_put_in_words() -> None:
    assert words("everything-of-a-pod") == [
        "empty directory at /dev/shm (Memory, 2Gi)",
        "ephemeral volume of 1Gi at /scratch",
        "config map a-map at /config",
        "variable LEVEL from key level of config map a-map",
        "variable POD from the pod's metadata.name",
        "pulls with secret registry",
        "runs not as root: true, as user 1000",
        "label team=ran",
        "annotation owner=them",
        "pulls the image each time",
        "ends after 600 s at the latest",
    ]


def test_where_a_step_may_run_is_put_in_words() -> None:
    assert words("on-a-node") == [
        "tolerates gpu:NoSchedule",
        "tolerates team=ran:NoExecute for 60 s",
        "on a node where disk In (ssd, nvme)",
        "preferably (weight 50) on a node where zone Exists",
        "on a node with disk=ssd, zone=a",
    ]


@pytest.mark.parametrize("version", ["2.2", "2.7", "2.13", "2.17"])
def test_claims_of_every_version_are_understood(version: str) -> None:
    assert words("volumes", "exec-say", version) == ["claim named by createpvc.name at /data"]
    assert words("volumes", "exec-say-2", version) == ["claim a-claim at /old"]


def test_names_may_come_from_inputs() -> None:
    assert words("names-from-inputs") == [
        "claim named by input claim at /data",
        "variable KEY from key key of secret named by input secret, if it is there",
        "on a node with what is named by input selector",
    ]


@pytest.mark.parametrize(
    ("field", "value", "kind", "text"),
    [
        ("enabledSharedMemory", {"size": "1Gi"}, SettingKind.SHARED_MEMORY, "shared memory of 1Gi"),
        (
            "secretAsVolume",
            [{"secretName": "s", "mountPath": "/s", "optional": True}],
            SettingKind.SECRET_VOLUME,
            "secret s at /s, if it is there",
        ),
        (
            "pvcMount",
            [{"constant": "c", "mountPath": "/d", "subPath": "a"}],
            SettingKind.VOLUME_CLAIM,
            "claim c at /d, its part a",
        ),
        ("tolerations", [{}], SettingKind.TOLERATION, "tolerates every taint"),
        (
            "podAffinity",
            [{"matchPodLabels": {"app": "x"}, "topologyKey": "host", "anti": True, "weight": 5}],
            SettingKind.POD_AFFINITY,
            "preferably (weight 5) away from pods with app=x (same host)",
        ),
        ("newerThing", {"a": [1]}, SettingKind.OTHER, 'newerThing: {"a": [1]}'),
    ],
)
def test_a_setting_is_put_in_words(field: str, value: Any, kind: SettingKind, text: str) -> None:
    assert one(field, value) == (kind, text)


def test_settings_of_the_pipeline_are_kept() -> None:
    assert described("a-workspace").platform.pipeline["workspace"] == {
        "size": "10Gi",
        "kubernetes": {"pvcSpecPatch": {"storageClassName": "fast"}},
    }


def test_other_platforms_and_fields_are_kept() -> None:
    found = read_platform({"platforms": {"kubernetes": {"newer": 1}, "vertex": {"x": 2}}, "signature": 3})
    assert found.others == {"signature": 3, "platforms.vertex": {"x": 2}, "platforms.kubernetes.newer": 1}


def test_a_setting_of_the_wrong_shape_is_named() -> None:
    with pytest.raises(PackageError, match=r"pvcMount\[0\]: is not an object"):
        read_platform({"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"e": {"pvcMount": ["x"]}}}}}})
