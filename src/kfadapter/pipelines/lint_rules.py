"""How each remark about a pipeline is found: generators of (path, message)."""

import json
import re
from collections.abc import Iterator, Mapping

from kfadapter.pipelines.coercion import Unfit, coerce
from kfadapter.pipelines.description import PipelineDescription
from kfadapter.pipelines.executors import Container
from kfadapter.pipelines.graph import Node, NodeKind, SourceKind
from kfadapter.pipelines.images import DEFAULT_TAG
from kfadapter.pipelines.kubernetes_settings import SettingKind
from kfadapter.pipelines.labels import shown_value
from kfadapter.pipelines.scalars import JSON
from kfadapter.pipelines.spec import ParameterType

Remark = tuple[str, str]
"""What it is about, and what is the matter."""

OLDEST_SDK = (2, 7)
"""Older compilers wrote what later servers read only for compatibility."""
WIDE_LOOP = 20
"""Constant items from which on a loop without a limit is remarked on."""

# Images that stand for what the server does itself: nothing of that name is ever pulled.
_VIRTUAL_IMAGES = frozenset(("argostub/createpvc", "argostub/deletepvc"))
_SDK = re.compile(r"kfp-(?P<major>\d{1,4})\.(?P<minor>\d{1,4})")
_SECRET_NAME = re.compile(
    r"(?:^|[^a-z])(?:password|passwd|passphrase|secret|token|api[-_ ]?key|access[-_ ]?key|private[-_ ]?key"
    r"|credentials?)(?:$|[^a-z])",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SECRET_VALUE = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36,}\b"
    r"|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bhf_[A-Za-z0-9]{30,}\b|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\."
    r"|://[^/\s:@]+:[^/\s:@]+@"
)
_REFERENCE = re.compile(r"\{\{\$|^\$\(")
_RANDOM = re.compile(
    r"\b(?:random\.|np\.random|numpy\.random|torch\.rand|uuid4\(|uuid1\(|secrets\.|os\.urandom"
    r"|datetime\.now\(|datetime\.utcnow\(|date\.today\(|time\.time\()"
)
_SEEDED = re.compile(r"\b(?:seed|manual_seed|random_state|default_rng\([^)]|Random\([^)])", re.IGNORECASE)


def floating_images(description: PipelineDescription) -> Iterator[Remark]:
    """Images whose tag is `latest`, or missing, which means the same."""
    for use in description.images:
        image = use.image
        if image.name in _VIRTUAL_IMAGES or image.digest or image.is_placeholder or not image.name:
            continue
        if image.tag in ("", DEFAULT_TAG):
            why = "has no tag, so that latest is taken" if not image.tag else "has the tag latest"
            for step in use.steps:
                yield f"steps.{step}", f"the image {image.name} {why}: tomorrow it may be another one"


def images_without_digest(description: PipelineDescription) -> Iterator[Remark]:
    """Images with a tag, but without a digest; each once."""
    for use in description.images:
        if use.image.tag not in ("", DEFAULT_TAG) and not use.image.digest:
            yield f"images.{use.image.name}", f"the image {use.image.name} is named by a tag alone"


def no_memory_limit(description: PipelineDescription) -> Iterator[Remark]:
    """Steps without a limit of memory."""
    for node, container in _containers(description):
        if container.resources.memory_limit is None:
            yield f"steps.{node.id}", "the step has no limit of memory"


def no_cpu_limit(description: PipelineDescription) -> Iterator[Remark]:
    """Steps that say nothing about CPUs."""
    for node, container in _containers(description):
        if container.resources.cpu_limit is None and container.resources.cpu_request is None:
            yield f"steps.{node.id}", "the step says nothing about the CPUs that it needs"


def no_timeout(description: PipelineDescription) -> Iterator[Remark]:
    """Steps without a time limit."""
    for node, _ in _containers(description):
        settings = description.platform.executors.get(node.executor, ())
        if not any(setting.kind is SettingKind.TIMEOUT for setting in settings):
            yield f"steps.{node.id}", "the step may run for ever"


def old_sdk(description: PipelineDescription) -> Iterator[Remark]:
    """Compiled by an old kfp."""
    version = _SDK.match(description.sdk_version)
    if version and (int(version["major"]), int(version["minor"])) < OLDEST_SDK:
        yield "pipeline", f"it was compiled by {description.sdk_version}, which is old"


def unknown_sdk(description: PipelineDescription) -> Iterator[Remark]:
    """It does not say what compiled it."""
    if not _SDK.match(description.sdk_version):
        found = f"it says {description.sdk_version[:60]!r}" if description.sdk_version else "it does not say"
        yield "pipeline", f"{found}, so nobody knows which kfp compiled it"


def unpinned_packages(description: PipelineDescription) -> Iterator[Remark]:
    """Packages of which another version may be installed tomorrow."""
    for use in description.packages:
        if not use.requirement.is_pinned and not use.requirement.is_runtime:
            for step in use.steps:
                yield f"steps.{step}", f"it installs {use.requirement.text}, in whatever version there is"


def untrusted_indexes(description: PipelineDescription) -> Iterator[Remark]:
    """Packages from where nobody checks who serves them."""
    for node, container in _containers(description):
        installation = container.installation
        if installation is None:
            continue
        for host in installation.trusted_hosts:
            yield f"steps.{node.id}", f"it installs packages from {host} without checking its certificate"
        for url in installation.index_urls:
            if url.lower().startswith("http://"):
                yield f"steps.{node.id}", "it installs packages from an index without encryption"


def secrets_in_plain(description: PipelineDescription) -> Iterator[Remark]:
    """Passwords and keys that stand in the pipeline for everyone to read; the values are not repeated."""
    for parameter in description.inputs.parameters:
        if _is_secret(parameter.name, parameter.default):
            yield f"inputs.{parameter.name}", "its default looks like a secret"
    for node in description.graph.nodes:
        for each in node.inputs:
            if each.source.kind is SourceKind.CONSTANT and _is_secret(each.name, each.source.value):
                yield f"steps.{node.id}", f"the constant given to its input {each.name} looks like a secret"
    for node, container in _containers(description):
        for name, value in container.env.items():
            if _is_secret(name, value):
                yield f"steps.{node.id}", f"the value of its variable {name} looks like a secret"
        if any(_SECRET_VALUE.search(text) for text in (*container.command, *container.args)):
            yield f"steps.{node.id}", "its command, source or arguments hold what looks like a secret"


def _is_secret(name: str, value: JSON) -> bool:
    if not isinstance(value, str):
        return False
    named = len(value) >= 4 and _SECRET_NAME.search(_CAMEL.sub("_", name)) and not _REFERENCE.search(value)
    return bool(named or _SECRET_VALUE.search(value))


def no_description(description: PipelineDescription) -> Iterator[Remark]:
    """The pipeline says nothing about itself."""
    if not description.description:
        yield "pipeline", "it has no description"


def inputs_without_description(description: PipelineDescription) -> Iterator[Remark]:
    """Inputs that say nothing about themselves."""
    for parameter in description.inputs.parameters:
        if not parameter.description:
            yield f"inputs.{parameter.name}", "it has no description"


def unused_inputs(description: PipelineDescription) -> Iterator[Remark]:
    """Inputs that no step, condition or loop reads."""
    used = {use.parameter for use in description.graph.uses} | _used_by_platform(description)
    names = [port.name for port in description.inputs.parameters]
    for name in (*names, *(port.name for port in description.inputs.artifacts)):
        if name not in used:
            yield f"inputs.{name}", "nothing in the pipeline reads it"


def _used_by_platform(description: PipelineDescription) -> set[str]:
    values = [setting.value for settings in description.platform.executors.values() for setting in settings]
    found: set[str] = set()
    while values:
        value = values.pop()
        if isinstance(value, Mapping):
            name = value.get("componentInputParameter")
            if isinstance(name, str):
                found.add(name)
            values.extend(value.values())
        elif isinstance(value, list):
            values.extend(value)
    return found


def unfit_defaults(description: PipelineDescription) -> Iterator[Remark]:
    """Defaults that Kubeflow would refuse if somebody gave them."""
    for parameter in description.inputs.parameters:
        if not parameter.has_default or parameter.default is None:
            continue
        if parameter.allowed is not None and parameter.default not in parameter.allowed:
            yield f"inputs.{parameter.name}", f"its default {shown_value(parameter.default)} is not among its literals"
        elif not _fits(parameter.default, parameter.type):
            word = parameter.type.value
            yield f"inputs.{parameter.name}", f"its default {shown_value(parameter.default)} is no {word}"


def _fits(value: JSON, type_: ParameterType) -> bool:
    try:
        fitted = coerce(value, type_)
    except Unfit:
        return False
    return json.dumps(fitted) == json.dumps(value) or (fitted == value and not isinstance(value, bool))


def cached_without_inputs(description: PipelineDescription) -> Iterator[Remark]:
    """Steps whose result is taken from the first run for ever, because nothing that they get can change."""
    for node, _ in _containers(description):
        if node.caching.enabled and not node.inputs and node.outputs:
            yield f"steps.{node.id}", "the step takes nothing and may be cached: its first result is its last"


def cached_randomness(description: PipelineDescription) -> Iterator[Remark]:
    """Steps whose source asks for the time or for chance, and whose result may be taken from an earlier run."""
    for node, container in _containers(description):
        source = container.source
        if source is None or not node.caching.enabled:
            continue
        found = _RANDOM.search(source.text)
        if found and not _SEEDED.search(source.text):
            yield f"steps.{node.id}", f"its source uses {found[0].rstrip('(.')} and its result may be cached"


def exit_tasks_without_retry(description: PipelineDescription) -> Iterator[Remark]:
    """Exit tasks that are tried once."""
    for node in description.graph.nodes:
        if node.cleans_up and node.retry is None:
            yield f"steps.{node.id}", "it cleans up, and is tried only once"


def wide_loops(description: PipelineDescription) -> Iterator[Remark]:
    """Loops over many items, all at once."""
    for node in description.graph.nodes:
        loop = node.iteration
        if loop is not None and loop.parallelism == 0 and loop.items is not None and len(loop.items) >= WIDE_LOOP:
            yield f"steps.{node.id}", f"the loop starts {len(loop.items)} iterations at once"


def always_pulled(description: PipelineDescription) -> Iterator[Remark]:
    """Images that are looked up again for each pod although they cannot change."""
    for node, container in _containers(description):
        for setting in description.platform.executors.get(node.executor, ()):
            if setting.kind is SettingKind.IMAGE_PULL_POLICY and setting.value == "Always" and container.image.is_fixed:
                yield f"steps.{node.id}", "its image has a digest and is pulled each time all the same"


def unknown_fields(description: PipelineDescription) -> Iterator[Remark]:
    """Fields that KFP's format, as known here, does not have."""
    for path in description.unknown:
        yield path, "KFP's format, as known here, has no such field"
    for label, settings in description.platform.executors.items():
        for setting in settings:
            if setting.kind is SettingKind.OTHER:
                yield f"platform.{label}.{setting.field}", "the setting is not known here"


def _containers(description: PipelineDescription) -> Iterator[tuple[Node, Container]]:
    for node in description.graph.nodes:
        executor = description.executors.get(node.executor)
        container = executor.container if executor is not None and node.kind is NodeKind.TASK else None
        if container is not None and container.image.name not in _VIRTUAL_IMAGES:
            yield node, container
