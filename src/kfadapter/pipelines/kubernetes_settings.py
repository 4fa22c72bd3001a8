"""What a step asks of Kubernetes, setting by setting, as kfp-kubernetes writes it, and in words."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kfadapter.pipelines.fields import Fields, camel_case
from kfadapter.pipelines.scalars import JSON

_LONGEST = 200


class SettingKind(StrEnum):
    """What a setting of a step is about; the words are those of kfp-kubernetes' functions where there is one."""

    VOLUME_CLAIM = "pvc"
    EMPTY_DIRECTORY = "empty-dir"
    EPHEMERAL_VOLUME = "ephemeral-volume"
    SHARED_MEMORY = "shared-memory"
    SECRET_VOLUME = "secret-volume"  # noqa: S105 - a word, no password
    SECRET_VARIABLE = "secret-env"  # noqa: S105 - a word, no password
    CONFIG_MAP_VOLUME = "config-map-volume"
    CONFIG_MAP_VARIABLE = "config-map-env"
    FIELD_VARIABLE = "field-path-env"
    NODE_SELECTOR = "node-selector"
    NODE_AFFINITY = "node-affinity"
    POD_AFFINITY = "pod-affinity"
    TOLERATION = "toleration"
    POD_LABEL = "pod-label"
    POD_ANNOTATION = "pod-annotation"
    IMAGE_PULL_POLICY = "image-pull-policy"
    IMAGE_PULL_SECRET = "image-pull-secret"  # noqa: S105 - a word, no password
    TIMEOUT = "timeout"
    SECURITY_CONTEXT = "security-context"
    OTHER = "other"  # newer than this program


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One thing a step asks of Kubernetes.

    Attributes:
        kind: What it is about.
        text: A line for a person: `claim data at /mnt/data`.
        field: KFP's name of the field it stands in, such as `pvcMount`.
        value: As it stands there.
    """

    kind: SettingKind
    text: str
    field: str
    value: JSON

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {"kind": self.kind.value, "text": self.text, "field": self.field, "value": self.value}


def read_settings(executor: Fields) -> Iterator[Setting]:
    """The settings of one executor's document, in KFP's order of fields; unknown fields last, as they stand.

    Raises:
        PackageError: A field has the wrong shape; names its path.
    """
    for name, (kind, words) in _ITEMS.items():
        for item in executor.objects(name):
            yield Setting(kind=kind, text=words(item), field=name, value=dict(item.document))
    for name, (kind, words) in _OBJECTS.items():
        if fields := executor.object(name):
            yield Setting(kind=kind, text=words(fields), field=name, value=dict(fields.document))
    yield from _pod_metadata(executor.object("podMetadata"))
    yield from _single_values(executor)
    for name, value in executor.rest(_KNOWN).items():
        yield Setting(kind=SettingKind.OTHER, text=f"{name}: {_compact(value)}", field=camel_case(name), value=value)


def _single_values(executor: Fields) -> Iterator[Setting]:
    if policy := executor.text("imagePullPolicy"):
        text = f"pulls the image {_PULL_POLICIES.get(policy, policy)}"
        yield Setting(kind=SettingKind.IMAGE_PULL_POLICY, text=text, field="imagePullPolicy", value=policy)
    if seconds := executor.number("activeDeadlineSeconds"):
        text = f"ends after {seconds} s at the latest"
        yield Setting(kind=SettingKind.TIMEOUT, text=text, field="activeDeadlineSeconds", value=seconds)


def _pod_metadata(fields: Fields) -> Iterator[Setting]:
    for name, kind, word in (
        ("labels", SettingKind.POD_LABEL, "label"),
        ("annotations", SettingKind.POD_ANNOTATION, "annotation"),
    ):
        for key, value in sorted(fields.text_map(name).items()):
            yield Setting(kind=kind, text=f"{word} {key}={value}", field="podMetadata", value={name: {key: value}})


def _reference(fields: Fields, constants: tuple[str, ...], parameter: str) -> str:
    """The name of a thing: written down, or where it comes from."""
    for name in constants:
        if text := fields.text(name):
            return text
    return _origin(fields.object(parameter) if parameter in fields else fields)


def _origin(fields: Fields) -> str:
    if name := fields.text("componentInputParameter"):
        return f"named by input {name}"
    if output := fields.object("taskOutputParameter"):
        return f"named by {output.text('producerTask')}.{output.text('outputParameterKey')}"
    constant = fields.object("runtimeValue").raw("constant")
    return constant if isinstance(constant, str) else _compact(constant) if constant is not None else "without a name"


def _optional(fields: Fields) -> str:
    return ", if it is there" if fields.flag("optional") else ""


def _claim(fields: Fields) -> str:
    claim = _reference(fields, ("constant",), "pvcNameParameter")
    sub_path = fields.text("subPath")
    return f"claim {claim} at {fields.text('mountPath')}" + (f", its part {sub_path}" if sub_path else "")


def _empty_directory(fields: Fields) -> str:
    details = [*filter(None, (fields.text("medium"), fields.text("sizeLimit")))]
    return f"empty directory at {fields.text('mountPath')}" + (f" ({', '.join(details)})" if details else "")


def _ephemeral(fields: Fields) -> str:
    volume_class = fields.text("storageClassName")
    kind = f" of class {volume_class}" if volume_class else ""
    return f"ephemeral volume of {fields.text('size') or 'unknown size'}{kind} at {fields.text('mountPath')}"


def _shared_memory(fields: Fields) -> str:
    size = fields.text("size")
    return f"shared memory of {size}" if size else "shared memory"


def _volume(word: str, name: str) -> Callable[[Fields], str]:
    def words(fields: Fields) -> str:
        thing = _reference(fields, (name,), f"{name}Parameter")
        return f"{word} {thing} at {fields.text('mountPath')}{_optional(fields)}"

    return words


def _variable(word: str, name: str, key: str) -> Callable[[Fields], str]:
    def words(fields: Fields) -> str:
        thing = _reference(fields, (name,), f"{name}Parameter")
        pairs = [f"{pair.text('envVar')} from key {pair.text(key)}" for pair in fields.objects("keyToEnv")]
        return f"variable {', '.join(pairs)} of {word} {thing}{_optional(fields)}"

    return words


def _field(fields: Fields) -> str:
    return f"variable {fields.text('name')} from the pod's {fields.text('fieldPath')}"


def _pull_secret(fields: Fields) -> str:
    return f"pulls with secret {_reference(fields, ('secretName',), 'secretNameParameter')}"


def _toleration(fields: Fields) -> str:
    if "tolerationJson" in fields:
        return f"tolerates what is {_origin(fields.object('tolerationJson'))}"
    key, value = fields.text("key") or "every taint", fields.text("value")
    effect, seconds = fields.text("effect"), fields.number("tolerationSeconds")
    text = f"tolerates {key}" + (f"={value}" if value else "") + (f":{effect}" if effect else "")
    return text + (f" for {seconds} s" if seconds is not None else "")


def _node_selector(fields: Fields) -> str:
    if "nodeSelectorJson" in fields:
        return f"on a node with what is {_origin(fields.object('nodeSelectorJson'))}"
    return "on a node with " + _pairs(fields.text_map("labels"))


def _node_affinity(fields: Fields) -> str:
    if "nodeAffinityJson" in fields:
        return f"on a node as is {_origin(fields.object('nodeAffinityJson'))}"
    terms = [*_terms(fields, "matchExpressions"), *_terms(fields, "matchFields")]
    return f"{_preference(fields)}on a node where {' and '.join(terms) or 'nothing is asked'}"


def _pod_affinity(fields: Fields) -> str:
    labels = fields.text_map("matchPodLabels")
    terms = [*_terms(fields, "matchPodExpressions"), *([_pairs(labels)] if labels else [])]
    where = "away from" if fields.flag("anti") else "near"
    topology = fields.text("topologyKey")
    within = f" (same {topology})" if topology else ""
    return f"{_preference(fields)}{where} pods with {' and '.join(terms) or 'anything'}{within}"


def _preference(fields: Fields) -> str:
    weight = fields.number("weight")
    return "" if weight is None else f"preferably (weight {weight}) "


def _terms(fields: Fields, name: str) -> Iterator[str]:
    for term in fields.objects(name):
        values = ", ".join(term.texts("values"))
        yield f"{term.text('key')} {term.text('operator')}" + (f" ({values})" if values else "")


def _security_context(fields: Fields) -> str:
    words = {"runAsUser": "as user", "runAsGroup": "as group", "runAsNonRoot": "not as root:"}
    return "runs " + ", ".join(
        f"{words.get(camel_case(n), n)} {_compact(v)}" for n, v in sorted(fields.document.items())
    )


def _pairs(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items()))


def _compact(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


_PULL_POLICIES = {"Always": "each time", "IfNotPresent": "if it is not there", "Never": "never"}

_ITEMS: Mapping[str, tuple[SettingKind, Callable[[Fields], str]]] = {
    "pvcMount": (SettingKind.VOLUME_CLAIM, _claim),
    "emptyDirMounts": (SettingKind.EMPTY_DIRECTORY, _empty_directory),
    "genericEphemeralVolume": (SettingKind.EPHEMERAL_VOLUME, _ephemeral),
    "secretAsVolume": (SettingKind.SECRET_VOLUME, _volume("secret", "secretName")),
    "secretAsEnv": (SettingKind.SECRET_VARIABLE, _variable("secret", "secretName", "secretKey")),
    "configMapAsVolume": (SettingKind.CONFIG_MAP_VOLUME, _volume("config map", "configMapName")),
    "configMapAsEnv": (SettingKind.CONFIG_MAP_VARIABLE, _variable("config map", "configMapName", "configMapKey")),
    "fieldPathAsEnv": (SettingKind.FIELD_VARIABLE, _field),
    "imagePullSecret": (SettingKind.IMAGE_PULL_SECRET, _pull_secret),
    "tolerations": (SettingKind.TOLERATION, _toleration),
    "nodeAffinity": (SettingKind.NODE_AFFINITY, _node_affinity),
    "podAffinity": (SettingKind.POD_AFFINITY, _pod_affinity),
}
_OBJECTS: Mapping[str, tuple[SettingKind, Callable[[Fields], str]]] = {
    "nodeSelector": (SettingKind.NODE_SELECTOR, _node_selector),
    "enabledSharedMemory": (SettingKind.SHARED_MEMORY, _shared_memory),
    "securityContext": (SettingKind.SECURITY_CONTEXT, _security_context),
}
_KNOWN = frozenset((*_ITEMS, *_OBJECTS, "podMetadata", "imagePullPolicy", "activeDeadlineSeconds"))
