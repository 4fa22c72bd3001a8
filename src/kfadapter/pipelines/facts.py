"""What a description says, laid out so that two versions can be compared thing by thing."""

from collections.abc import Iterator, Mapping

from kfadapter.pipelines.changes import Section
from kfadapter.pipelines.description import PipelineDescription
from kfadapter.pipelines.executors import Container, Executor
from kfadapter.pipelines.graph import Node, Reason
from kfadapter.pipelines.scalars import JSON
from kfadapter.pipelines.spec import Artifact, Parameter

Facts = Mapping[Section, Mapping[str, JSON]]
"""By section and key; a value of None is not kept."""

_LIGHTWEIGHT_COMMAND = ["(installs packages, runs its source)"]


def facts_of(description: PipelineDescription) -> Facts:
    """What a description says, as it is compared."""
    facts: dict[Section, dict[str, JSON]] = {section: {} for section in Section}
    facts[Section.PIPELINE] = _pipeline(description)
    facts[Section.INPUTS] = {each.name: _parameter(each) for each in description.inputs.parameters}
    facts[Section.INPUT_ARTIFACTS] = {each.name: _artifact(each) for each in description.inputs.artifacts}
    facts[Section.OUTPUTS] = {each.name: _output(each) for each in description.outputs.parameters}
    facts[Section.OUTPUT_ARTIFACTS] = {each.name: _artifact(each) for each in description.outputs.artifacts}
    for node in description.graph.nodes:
        facts[Section.TASKS][node.id] = _task(node)
        facts[Section.POLICIES][node.id] = _policies(node)
        settings = description.platform.executors.get(node.executor, ())
        facts[Section.PLATFORM][node.id] = [setting.to_json() for setting in settings] or None
        executor = description.executors.get(node.executor)
        for section, fact in _executor(executor) if executor is not None else ():
            facts[section][node.id] = fact
    for edge in description.graph.edges:
        facts[Section.EDGES][f"{edge.source} -> {edge.target}"] = [
            reason.to_json() for reason in sorted(edge.reasons, key=_reason)
        ]
    whole = {**description.platform.pipeline, **description.platform.others}
    facts[Section.PLATFORM][""] = whole or None
    return {section: {key: fact for key, fact in found.items() if fact is not None} for section, found in facts.items()}


def _reason(reason: Reason) -> tuple[str, str, str]:
    return reason.kind.value, reason.output, reason.input


def _pipeline(description: PipelineDescription) -> dict[str, JSON]:
    return {
        "name": description.name,
        "display name": description.display_name or None,
        "description": description.description or None,
        "schema version": description.schema_version,
        "SDK": description.sdk_version,
        "default root": description.default_root or None,
        "unknown fields": dict(description.unknown) or None,
        "digest": description.digest,
    }


def _parameter(parameter: Parameter) -> dict[str, JSON]:
    shown = parameter.to_json()
    del shown["name"]
    return {**shown, "has_default": parameter.has_default}


def _output(parameter: Parameter) -> dict[str, JSON]:
    return {"type": parameter.type.value, "description": parameter.description}


def _artifact(artifact: Artifact) -> dict[str, JSON]:
    shown = artifact.to_json()
    del shown["name"]
    return shown


def _task(node: Node) -> dict[str, JSON]:
    iteration, trigger = node.iteration, node.trigger
    return {
        "kind": node.kind.value,
        "display_name": node.display_name,
        "inputs": {each.name: {"label": each.label, "source": each.source.to_json()} for each in node.inputs},
        "outputs": {each.name: each.type for each in node.outputs},
        "iteration": None if iteration is None else iteration.to_json(),
        "trigger": None if trigger is None else trigger.to_json(),
        "extra": dict(node.extra),
    }


def _policies(node: Node) -> dict[str, JSON]:
    retry = None if node.retry is None else node.retry.to_json()
    return {"caching": node.caching.to_json(), "retry": retry}


def _executor(executor: Executor) -> Iterator[tuple[Section, JSON]]:
    container = executor.container
    if container is None:
        importer = None if executor.importer is None else executor.importer.to_json()
        yield Section.COMMANDS, {"importer": importer, "extra": dict(executor.extra)}
        return
    yield Section.IMAGES, container.image.name
    yield Section.COMMANDS, _command(container, executor)
    yield (
        Section.ENVIRONMENT,
        {
            "env": dict(container.env),
            "resources": container.resources.to_json(),
            "accelerator": None if container.accelerator is None else container.accelerator.to_json(),
        },
    )
    if container.installation is not None:
        shown = container.installation.to_json()
        requirements: list[JSON] = [requirement.text for requirement in container.installation.requirements]
        yield Section.PACKAGES, {**shown, "requirements": requirements}
    if container.source is not None:
        yield Section.SOURCE, container.source.to_json()


def _command(container: Container, executor: Executor) -> dict[str, JSON]:
    """The command line; that of a lightweight component says nothing that its packages and source do not."""
    command = _LIGHTWEIGHT_COMMAND if container.is_lightweight else list(container.command)
    return {"command": list[JSON](command), "args": list(container.args), "extra": dict(executor.extra)}
