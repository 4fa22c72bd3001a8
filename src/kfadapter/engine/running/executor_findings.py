"""What of one executor the engine does not honour, or honours in another way."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kfadapter.engine.running.abilities import Abilities
from kfadapter.engine.running.findings import Finding, refused, warned
from kfadapter.engine.running.imports import constant_uri
from kfadapter.engine.running.ir import Component, Pipeline
from kfadapter.engine.running.kubernetes import FIELDS, constant_name
from kfadapter.engine.running.local_paths import local_path
from kfadapter.engine.running.placement import (
    MOUNTS,
    Containers,
    Place,
    accelerator_kind,
    needs_its_image,
    placed,
)
from kfadapter.engine.running.vaults import Vault
from kfadapter.errors import PackageError
from kfadapter.pipelines.fields import Fields
from kfadapter.pipelines.kubernetes_settings import read_settings

LIMITS = {
    "cpuLimit": "CPU limit",
    "memoryLimit": "memory limit",
    "resourceCpuLimit": "CPU limit",
    "resourceMemoryLimit": "memory limit",
}
REQUESTS = {
    "cpuRequest": "CPU request",
    "memoryRequest": "memory request",
    "resourceCpuRequest": "CPU request",
    "resourceMemoryRequest": "memory request",
}
HONOURED = frozenset({"activeDeadlineSeconds"})
SETTING = "KFADAPTER_ENGINE_CONTAINERS"


def executor_findings(pipeline: Pipeline, component: Component, path: str, able: Abilities) -> Iterator[Finding]:
    """Everything of one executor that is not as its author may expect.

    Args:
        path: The task's path, for the findings.
    """
    executor = pipeline.executor(component.executor_label)
    if "container" in executor:
        kubernetes = pipeline.kubernetes(component.executor_label)
        yield from ContainerFindings(executor["container"], kubernetes, path, able).all()
    elif "importer" in executor:
        yield from _importer_findings(executor["importer"], path)
    elif not executor:
        yield refused(path, "missing executor", f"the pipeline has no executor {component.executor_label!r}")
    else:
        kind = next(iter(executor))
        yield refused(path, kind, f"an executor of the kind {kind} does not exist in Kubeflow Pipelines' open source")


def _importer_findings(importer: Mapping[str, Any], path: str) -> Iterator[Finding]:
    uri = constant_uri(importer)
    if importer.get("downloadToWorkspace") and uri and "{{$" not in uri and local_path(uri) is None:
        message = f"{uri} cannot be downloaded into the workspace: it is not a file of this machine"
        yield refused(path, "download to workspace", message)


class ContainerFindings:
    """Looks through a container's document and what it asks of Kubernetes."""

    def __init__(self, container: Mapping[str, Any], kubernetes: Mapping[str, Any], path: str, able: Abilities) -> None:
        self._container = container
        self._kubernetes = kubernetes
        self._path = path
        self._able = able
        self._place = placed(container, kubernetes, able.containers)

    def all(self) -> Iterator[Finding]:
        yield from self._image()
        yield from self._resources()
        known: Mapping[str, Callable[[], Iterator[Finding]]] = {
            "secretAsEnv": lambda: self._variables("secretAsEnv", self._able.secrets, "secretKey"),
            "configMapAsEnv": lambda: self._variables("configMapAsEnv", self._able.config_maps, "configMapKey"),
            "fieldPathAsEnv": self._fields,
            "imagePullPolicy": self._pull_policy,
        }
        for setting in self._kubernetes:
            if setting in known:
                yield from known[setting]()
            elif setting in MOUNTS:
                yield from self._mounts(setting)
            elif setting not in HONOURED:
                yield self._ignored(setting)

    def _image(self) -> Iterator[Finding]:
        image = str(self._container.get("image", ""))
        feature = f"container image {image}"
        if self._place is Place.CONTAINER and self._able.lacks_program:
            message = (
                f"it is to run in a container, and there is no program {self._able.containers} on the engine's PATH"
            )
            yield refused(self._path, feature, f"{message} ({SETTING} is {self._able.containers})")
        elif self._place is Place.HOST:
            message = f"its command runs on the engine's machine itself, without the image {image}"
            yield warned(self._path, feature, f"{message}, because {SETTING} is host")
        elif self._place is None and self._able.containers is Containers.HOST and needs_its_image(self._container):
            message = f"what it runs is in the image {image}, which is not run here ({SETTING} is host)"
            yield refused(self._path, feature, message)
        elif self._place is None:
            message = f"it runs a command of the image {image}, and containers are not run here, only Python components"
            yield refused(self._path, feature, f"{message} ({SETTING} is off)")

    def _resources(self) -> Iterator[Finding]:
        resources = self._container.get("resources") or {}
        kind = accelerator_kind(resources)
        if kind and not (self._place is Place.CONTAINER and "nvidia" in kind.lower()):
            message = f"it asks for an accelerator ({kind}), which the engine cannot give"
            yield refused(self._path, f"accelerator {kind}", message)
        for key, feature in (LIMITS | REQUESTS).items():
            if resources.get(key) and self._place is not Place.CONTAINER:
                message = f"{feature} is not enforced: the task runs as a process of this machine"
                yield warned(self._path, feature, message)

    def _variables(self, setting: str, vault: Vault, key_field: str) -> Iterator[Finding]:
        feature = f"a Kubernetes {vault.kind} as environment variable"
        for one in self._kubernetes[setting]:
            keys = [str(pair.get(key_field, "")) for pair in one.get("keyToEnv", ())]
            yield from self._lacking(one, setting, vault, keys, feature)

    def _mounts(self, setting: str) -> Iterator[Finding]:
        feature = MOUNTS[setting]
        if self._place is not Place.CONTAINER:
            message = f"it needs {feature}, which only a container can have ({SETTING} is {self._able.containers})"
            yield refused(self._path, feature, message)
            return
        vaults = {"secretAsVolume": self._able.secrets, "configMapAsVolume": self._able.config_maps}
        for one in self._kubernetes[setting]:
            if setting in vaults:
                yield from self._lacking(one, setting, vaults[setting], (), feature)
            elif setting == "pvcMount":
                yield from self._claim(one, feature)
            elif one.get("sizeLimit") or one.get("size"):
                yield warned(self._path, feature, f"the size of the volume {one.get('volumeName')!r} is not enforced")

    def _lacking(
        self, one: Mapping[str, Any], setting: str, vault: Vault, keys: Any, feature: str
    ) -> Iterator[Finding]:
        """What is missing, where its name is known by now; what a run does without when it is optional."""
        name = constant_name(one, setting)
        if name is None:
            lack = "" if vault.directory else f"it needs a {vault.kind}, and {vault.setting} is not set"
        else:
            lack = vault.lack(name, keys)
        if lack and one.get("optional"):
            yield warned(self._path, feature, f"{lack}; it is optional, and the task runs without it")
        elif lack:
            yield refused(self._path, feature, lack)

    def _claim(self, one: Mapping[str, Any], feature: str) -> Iterator[Finding]:
        name = constant_name(one, "pvcMount")
        if name is not None and not self._able.claims.has(name):
            yield refused(self._path, feature, f"there is no volume claim {name!r}")

    def _fields(self) -> Iterator[Finding]:
        for one in self._kubernetes["fieldPathAsEnv"]:
            field = str(one.get("fieldPath", ""))
            if field.replace('"', "'") not in FIELDS:
                message = f"it needs the field {field} of its pod, and there is no pod here"
                yield refused(self._path, "a field of its pod as environment variable", message)

    def _pull_policy(self) -> Iterator[Finding]:
        if self._place is not Place.CONTAINER:
            yield self._ignored("imagePullPolicy")

    def _ignored(self, setting: str) -> Finding:
        """A setting that means nothing here, with what it says in words where it can be read."""
        try:
            words = [one.text for one in read_settings(Fields({setting: self._kubernetes[setting]}, ""))]
        except PackageError:
            words = []
        told = f": {', '.join(words)}" if words else ""
        return warned(self._path, setting, f"the Kubernetes setting {setting} is ignored{told}")
