"""Where a task's command runs: in a process with packages of its own, in a container, or on the machine itself."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from kfadapter.engine.running.commands import EXECUTOR_MODULES, is_lightweight

CLAIM_IMAGES = {"argostub/createpvc": "creating a volume claim", "argostub/deletepvc": "deleting a volume claim"}
MOUNTS = {
    "secretAsVolume": "a Kubernetes secret as volume",
    "configMapAsVolume": "a Kubernetes config map as volume",
    "pvcMount": "a persistent volume claim",
    "emptyDirMounts": "an empty-directory volume",
    "genericEphemeralVolume": "an ephemeral volume",
}
LIMITS = ("cpuLimit", "memoryLimit", "resourceCpuLimit", "resourceMemoryLimit")


class Containers(StrEnum):
    """What is done with components that are commands of an image."""

    OFF = "off"  # they are refused
    DOCKER = "docker"
    PODMAN = "podman"
    HOST = "host"  # their commands run on this machine, without the image

    @property
    def is_program(self) -> bool:
        """Whether a program runs containers."""
        return self in (Containers.DOCKER, Containers.PODMAN)


class Place(StrEnum):
    """Where a task runs."""

    PROCESS = "process"  # with the engine's Python and the packages it asks for
    CONTAINER = "container"
    HOST = "host"
    IMPORT = "import"  # nowhere: the engine copies an artifact into the workspace
    CLAIM = "claim"  # nowhere: making and removing a volume claim is the engine's own doing


def placed(container: Mapping[str, Any], kubernetes: Mapping[str, Any], containers: Containers) -> Place | None:
    """Where an executor's command runs; None when it needs a container and there are none.

    Python components bring their source along and need no image, so they are processes, unless they ask for what only
    a container can have and there are containers.
    """
    if str(container.get("image", "")) in CLAIM_IMAGES:
        return Place.CLAIM
    if is_lightweight(_words(container)):
        return Place.CONTAINER if containers.is_program and _needs_container(container, kubernetes) else Place.PROCESS
    if containers.is_program:
        return Place.CONTAINER
    return Place.HOST if containers is Containers.HOST and not needs_its_image(container) else None


def needs_its_image(container: Mapping[str, Any]) -> bool:
    """Whether what it runs is in its image: the image's own command, or a Python component's source."""
    words = _words(container)
    return not words or any(module in word for word in words for module in EXECUTOR_MODULES)


def _needs_container(container: Mapping[str, Any], kubernetes: Mapping[str, Any]) -> bool:
    resources = container.get("resources") or {}
    is_limited = any(resources.get(name) for name in (*LIMITS, "accelerator"))
    return is_limited or any(kubernetes.get(name) for name in MOUNTS)


def _words(container: Mapping[str, Any]) -> list[str]:
    return [str(word) for word in container.get("command") or ()]


def accelerator_count(resources: Mapping[str, Any]) -> str:
    """How many accelerators are asked for, as it is written; empty for none."""
    wanted = resources.get("accelerator") or {}
    return str(wanted.get("resourceCount") or wanted.get("count") or 1) if wanted else ""


def accelerator_kind(resources: Mapping[str, Any]) -> str:
    """Which accelerator is asked for; empty for none."""
    wanted = resources.get("accelerator") or {}
    return str(wanted.get("resourceType") or wanted.get("type") or "accelerator") if wanted else ""
