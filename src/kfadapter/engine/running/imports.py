"""Importers: where an artifact comes from, and its copy in the workspace."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kfadapter.engine.running.copies import copy_tree
from kfadapter.engine.running.ir import Component
from kfadapter.engine.running.local_paths import local_path
from kfadapter.engine.running.removal import remove_tree
from kfadapter.engine.running.values import Artifact, Placeholders, Values, integral
from kfadapter.errors import EngineError


class ImportRefused(EngineError):
    """An artifact cannot be imported; says why."""


def constant_uri(importer: Mapping[str, Any]) -> str:
    """Where an importer's artifact is, as its author wrote it; empty when that comes from a parameter."""
    source = importer.get("artifactUri") or {}
    return str(source.get("constant") or (source.get("constantValue") or {}).get("stringValue") or "")


def imported(component: Component, importer: Mapping[str, Any], inputs: Values, placeholders: Placeholders) -> Values:
    """What an importer gives.

    Raises:
        ImportRefused: There is no address to import from.
    """
    source = importer.get("artifactUri") or {}
    if "runtimeParameter" in source:
        uri = str(inputs.parameters.get(source["runtimeParameter"]) or "")
    else:
        uri = str(placeholders.fill(constant_uri(importer)))
    if not uri:
        raise ImportRefused("the importer has no address to import from")
    name = next(iter(component.output_artifacts), "artifact")
    type_ = dict(importer.get("typeSchema") or {})
    metadata = integral(placeholders.fill(importer.get("metadata") or {}))
    return Values(artifacts={name: [{"name": name, "type": type_, "uri": uri, "metadata": metadata}]})


def download(found: Values, place: Path, canceled: Callable[[], bool]) -> Values:
    """What an importer gives, copied below a directory, which is made anew.

    Raises:
        ImportRefused: It is not on this machine, or not there.
        CopyCanceled: `canceled` said so.
        OSError: The disk does not take it.
    """
    remove_tree(place)
    artifacts = {
        name: [_downloaded(one, place / name.replace("/", "_"), canceled) for one in held]
        for name, held in found.artifacts.items()
    }
    return Values(artifacts=artifacts)


def _downloaded(artifact: Artifact, place: Path, canceled: Callable[[], bool]) -> Artifact:
    uri = str(artifact["uri"])
    source = local_path(uri)
    if source is None:
        raise ImportRefused(f"{uri} cannot be downloaded into the workspace: it is not a file of this machine")
    if not source.exists():
        raise ImportRefused(f"{uri} cannot be downloaded into the workspace: it is not there")
    target = place / (source.name or "artifact")
    copy_tree(source, target, canceled)
    return {**artifact, "uri": str(target)}
