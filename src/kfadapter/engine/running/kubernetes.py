"""What a task asks of Kubernetes and gets here: secrets, config maps and fields as variables, volumes as directories.

Field names are those of kubeflow/pipelines' `kubernetes_executor_config.proto` in its JSON form. Older compilers write
a plain name where newer ones write a source of a parameter, or both; the source wins, as in KFP's driver.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kfadapter.engine.running.claims import Claims
from kfadapter.engine.running.placement import MOUNTS
from kfadapter.engine.running.vaults import Vault
from kfadapter.errors import EngineError

VARIABLE = re.compile(r"[^=\0\n]+")
FIELDS = ("metadata.name", "metadata.uid", "metadata.labels['pipeline/runid']", "spec.nodeName")
NAMES = {
    "secretAsEnv": ("secretNameParameter", "secretName"),
    "secretAsVolume": ("secretNameParameter", "secretName"),
    "configMapAsEnv": ("configMapNameParameter", "configMapName"),
    "configMapAsVolume": ("configMapNameParameter", "configMapName"),
    "pvcMount": ("pvcNameParameter", "constant"),
}
DIRECT_SOURCES = ("componentInputParameter", "taskOutputParameter")


class Unavailable(EngineError):
    """A task asks for something that is not there."""


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A directory of this machine that a container sees."""

    source: Path
    target: str
    is_read_only: bool = False


@dataclass(frozen=True, kw_only=True)
class Granted:
    """What a task gets.

    Attributes:
        variables: Environment variables.
        secret_variables: The names of those that hold secrets.
        mounts: Volumes.
        secrets: Values that must not be shown.
        identity: What of all this makes a difference to the task's result.
        has_claims: Whether there are volume claims among the mounts, whose content nobody knows.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    secret_variables: frozenset[str] = frozenset()
    mounts: tuple[Mount, ...] = ()
    secrets: tuple[str, ...] = ()
    identity: tuple[Any, ...] = ()
    has_claims: bool = False


def bound(settings: Mapping[str, Any], parameter: Callable[[Mapping[str, Any]], Any]) -> dict[str, Any]:
    """The settings with the names of secrets, config maps and claims in place of where they come from.

    Args:
        parameter: Gives the value of a source, as a task's inputs have them; None: it has no value.
    """
    return {
        name: [_bound(one, *NAMES[name], parameter) for one in value] if name in NAMES else value
        for name, value in settings.items()
    }


def _bound(
    one: Mapping[str, Any], source_field: str, name_field: str, parameter: Callable[[Mapping[str, Any]], Any]
) -> dict[str, Any]:
    source = _source(one, source_field)
    if source is None:
        return dict(one)
    rest = {key: value for key, value in one.items() if key not in (source_field, name_field, *DIRECT_SOURCES)}
    value = parameter(source)
    return rest if value is None else {**rest, name_field: str(value)}


def _source(one: Mapping[str, Any], source_field: str) -> Mapping[str, Any] | None:
    if source := one.get(source_field):
        return dict(source)
    direct = {name: one[name] for name in DIRECT_SOURCES if name in one}
    return direct or None


def constant_name(one: Mapping[str, Any], setting: str) -> str | None:
    """The name in one of a setting's entries where it is known before the run; None where it is not."""
    source_field, name_field = NAMES[setting]
    source = _source(one, source_field)
    if source is None:
        return str(one.get(name_field) or "")
    runtime = source.get("runtimeValue") or {}
    return str(runtime["constant"]) if "constant" in runtime else None


@dataclass(frozen=True, kw_only=True)
class TaskFacts:
    """What a task's pod would be called."""

    run_id: str
    task_id: str
    attempt: int

    @property
    def pod_name(self) -> str:
        return f"{self.task_id}-{self.attempt}"

    def field(self, path: str) -> str:
        """A field of the pod.

        Raises:
            Unavailable: There is nothing here that it could be.
        """
        found = dict(zip(FIELDS, (self.pod_name, self.task_id, self.run_id, os.uname().nodename), strict=True))
        name = path.replace('"', "'")
        if name not in found:
            raise Unavailable(f"there is no pod here, and nothing for its field {path}")
        return found[name]


class Grants:
    """Gives tasks what they ask for."""

    def __init__(self, secrets: Vault, config_maps: Vault, claims: Claims) -> None:
        self._secrets = secrets
        self._config_maps = config_maps
        self._claims = claims

    def grant(self, settings: Mapping[str, Any], facts: TaskFacts, volumes: Path) -> Granted:
        """Everything that settings, bound by now, ask for.

        Args:
            volumes: A directory for volumes that begin empty.

        Raises:
            Unavailable: Something is not there.
        """
        secret = dict(self._variables(self._secrets, settings.get("secretAsEnv", ()), "secretName", "secretKey"))
        plain = dict(
            self._variables(self._config_maps, settings.get("configMapAsEnv", ()), "configMapName", "configMapKey")
        )
        fields = {str(one["name"]): facts.field(str(one["fieldPath"])) for one in settings.get("fieldPathAsEnv", ())}
        return Granted(
            variables={**secret, **plain, **fields},
            secret_variables=frozenset(secret) - plain.keys() - fields.keys(),
            mounts=tuple(self._mounts(settings, volumes)),
            secrets=(*secret.values(), *self._mounted(self._secrets, settings)),
            identity=(secret, plain, fields, *self._mounted_identity(settings)),
            has_claims=bool(settings.get("pvcMount")),
        )

    def secrets(self, settings: Mapping[str, Any]) -> list[str]:
        """The values of every secret that settings ask for and that is there."""
        wanted = (
            (str(one.get("secretName", "")), str(pair["secretKey"]))
            for one in settings.get("secretAsEnv", ())
            for pair in one.get("keyToEnv", ())
        )
        values = (self._value(self._secrets, name, key) for name, key in wanted)
        return [*(value for value in values if value is not None), *self._mounted(self._secrets, settings)]

    def _mounted_identity(self, settings: Mapping[str, Any]) -> Iterator[Any]:
        for setting in MOUNTS:
            yield [setting, [_target(one) for one in settings.get(setting, ())]]
        yield list(self._mounted(self._secrets, settings))
        yield list(self._mounted(self._config_maps, settings))

    def _variables(self, vault: Vault, wanted: Any, name_field: str, key_field: str) -> Iterator[tuple[str, str]]:
        for one in wanted:
            name, is_optional = str(one.get(name_field, "")), bool(one.get("optional"))
            for pair in one.get("keyToEnv", ()):
                key, variable = str(pair[key_field]), str(pair["envVar"])
                value = self._value(vault, name, key)
                if value is not None:
                    yield _variable(variable), value
                elif not is_optional and name:
                    raise Unavailable(vault.lack(name, [key]) or f"the {vault.kind} {name!r} has no key {key!r}")

    def _value(self, vault: Vault, name: str, key: str) -> str | None:
        try:
            value = vault.value(name, key)
        except (OSError, UnicodeDecodeError) as exc:
            raise Unavailable(f"the key {key!r} of the {vault.kind} {name!r} cannot be read as text") from exc
        if value is not None and "\0" in value:
            raise Unavailable(f"the key {key!r} of the {vault.kind} {name!r} does not fit into a variable")
        return value

    def _mounted(self, vault: Vault, settings: Mapping[str, Any]) -> Iterator[str]:
        """Every value that is mounted as a file."""
        setting = "secretAsVolume" if vault is self._secrets else "configMapAsVolume"
        for one in settings.get(setting, ()):
            yield from vault.values(str(one.get(NAMES[setting][1], "")))

    def _mounts(self, settings: Mapping[str, Any], volumes: Path) -> Iterator[Mount]:
        for one in settings.get("secretAsVolume", ()):
            yield self._kept(self._secrets, str(one.get("secretName", "")), one, volumes)
        for one in settings.get("configMapAsVolume", ()):
            yield self._kept(self._config_maps, str(one.get("configMapName", "")), one, volumes)
        for one in settings.get("pvcMount", ()):
            source = self._claims.place(str(one.get("constant", "")), str(one.get("subPath", "")))
            yield Mount(source=source, target=_target(one))
        for one in (*settings.get("emptyDirMounts", ()), *settings.get("genericEphemeralVolume", ())):
            yield Mount(source=_empty(volumes, str(one.get("volumeName", ""))), target=_target(one))

    def _kept(self, vault: Vault, name: str, one: Mapping[str, Any], volumes: Path) -> Mount:
        place = vault.place(name)
        if place is None and not one.get("optional"):
            raise Unavailable(vault.lack(name))
        return Mount(source=place or _empty(volumes, f"no-{vault.kind}"), target=_target(one), is_read_only=True)


def _variable(name: str) -> str:
    if not VARIABLE.fullmatch(name):
        raise Unavailable(f"{name!r} cannot be the name of a variable")
    return name


def _target(one: Mapping[str, Any]) -> str:
    target = str(one.get("mountPath", ""))
    if not target.startswith("/") or any(ord(ch) < 32 for ch in target) or ".." in target.split("/"):
        raise Unavailable(f"{target!r} is no path where something can be mounted")
    return target


def _empty(volumes: Path, name: str) -> Path:
    place = volumes / (name.replace("/", "_").lstrip(".") or "volume")
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise Unavailable(f"the volume {name!r} cannot be made: {exc.strerror}") from exc
    return place
