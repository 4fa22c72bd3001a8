"""All settings of the service: one frozen object, and the only reader of the environment.

Every `KFADAPTER_*` variable is documented in docs/settings.md. Upstream's six variables (`KUBEFLOW_HOST`, …) keep
their meaning and are used where ours are not given.
"""

import contextlib
import ctypes
import os
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, StringConstraints, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from kfadapter.errors import SettingsError

PREFIX = "KFADAPTER_"
ADAPTER_URL_VARIABLE = "KFADAPTER_URL"
DEFAULT_ADAPTER_URL = "http://127.0.0.1:5001"
INSTALLER_PREFIXES = ("PIP_", "UV_")
INSTALLER_NAMES = frozenset(
    {"PATH", "HOME", "TMPDIR", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
    | {name for proxy in ("http_proxy", "https_proxy", "no_proxy", "all_proxy") for name in (proxy, proxy.upper())}
)
CONTAINER_PREFIXES = ("DOCKER_", "CONTAINER_", "CONTAINERS_", "PODMAN_", "XDG_")
CONTAINER_NAMES = frozenset({"PATH", "HOME", "TMPDIR", "REGISTRY_AUTH_FILE", "SSL_CERT_FILE", "SSL_CERT_DIR"})

Port = Annotated[int, Field(ge=0, le=65535)]
Host = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class Settings(BaseSettings):
    """The service's settings. Durations are seconds, sizes are bytes."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", case_sensitive=False, env_ignore_empty=True
    )

    host: Host = Field("0.0.0.0", description="Address the service listens on.")  # noqa: S104 - a service in a pod
    port: Port = Field(
        5001,
        validation_alias=AliasChoices("KFADAPTER_PORT", "KF_ADAPTER_PORT"),
        description="Port the service listens on; 0 takes a free one.",
    )
    kubeflow_url: str | None = Field(
        None, description="Kubeflow Pipelines, with or without a path prefix; none: the embedded engine."
    )
    kubeflow_host: str | None = Field(None, validation_alias="KUBEFLOW_HOST", description="Upstream's name: host.")
    kubeflow_port: Port | None = Field(None, validation_alias="KUBEFLOW_PORT", description="Upstream's name: port.")
    kubeflow_namespace: str | None = Field(
        None,
        validation_alias=AliasChoices("KFADAPTER_KUBEFLOW_NAMESPACE"),
        description="Namespace of a multi-user installation; none: single-user.",
    )
    kf_namespace: str | None = Field(
        None,
        validation_alias="KF_NAMESPACE",
        description="Upstream's variable; as there, it is read and not sent to Kubeflow.",
    )
    training_manager_url: str | None = Field(
        None, description="The Training Manager that is told of ended runs; none: nobody is told."
    )
    trainingmgr_host: str | None = Field(None, validation_alias="TRAININGMGR_HOST", description="Upstream's name.")
    trainingmgr_port: Port | None = Field(None, validation_alias="TRAININGMGR_PORT", description="Upstream's name.")
    data_dir: Path = Field(Path("kfadapter-data"), description="Where the ledger and the embedded engine keep data.")
    database_url: str | None = Field(None, description="The ledger; none: SQLite under the data directory.")
    request_timeout_seconds: Seconds = Field(10.0, description="Limit for one call to Kubeflow, and for one answer.")
    notify_timeout_seconds: Seconds = Field(60.0, description="Limit for one notification to the Training Manager.")
    poll_seconds: Seconds = Field(1.0, description="How often Kubeflow is asked for ended runs.")
    notify_grace_seconds: float = Field(
        5.0, ge=0, le=3600, description="A notification waits so long after the execution's answer has been sent."
    )
    lost_after_seconds: Seconds = Field(
        600.0, description="A run that Kubeflow has not known for so long ends as LOST."
    )
    launch_lookup_seconds: Seconds = Field(
        20.0, description="So long a run is looked up after a create call whose outcome is not known."
    )
    replica_lease_seconds: float = Field(
        5.0, ge=1, le=300, description="A replica that was silent for so long is taken for dead (PostgreSQL)."
    )
    stuck_pending_seconds: float = Field(
        900.0, ge=0, description="A run that is still pending after so long is reported as stuck; 0: never."
    )
    stuck_idle_seconds: float = Field(
        0.0, ge=0, description="A run whose tasks have not changed for so long is reported as stuck; 0: never."
    )
    stuck_overdue_factor: float = Field(
        3.0,
        ge=0,
        description="A run that takes so many times what its pipeline's runs took is reported as stuck; 0: never.",
    )
    keep_jobs_days: float = Field(
        0.0, ge=0, le=36_500, description="Training jobs that are over are forgotten so many days later; 0: never."
    )
    stuck_stop: bool = Field(False, description="A run that is reported as stuck is stopped as well.")
    upload_limit_bytes: int = Field(32 * 1024 * 1024, ge=1, description="Largest pipeline package accepted.")
    events_source: str = Field(
        "urn:kfadapter", min_length=1, description="Which adapter says so: the CloudEvents attribute `source`."
    )
    events_kept_days: float = Field(30.0, gt=0, le=3660, description="Events older than this are forgotten.")
    events_kept_count: int = Field(1_000_000, ge=1000, description="Only so many of the newest events are kept.")
    webhook_timeout_seconds: Seconds = Field(20.0, description="Limit for one delivery to a subscriber.")
    webhook_give_up_days: float = Field(3.0, gt=0, le=30, description="A delivery that has failed for so long is dead.")
    webhook_disable_days: float = Field(
        5.0, gt=0, le=60, description="A subscription that has failed for so long is disabled."
    )
    webhook_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Host names, with `*`, that subscribers may have; none: any."
    )
    webhook_private_networks: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Networks that are not public and in which subscribers may be; none: no such network."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe line logged.")
    log_format: Literal["text", "json"] = Field("text", description="Log lines for people or for programs.")
    engine_port: Port = Field(0, description="Loopback port of the engine started by `serve`; 0 takes a free one.")
    engine_task_slots: int = Field(
        0, ge=0, le=1024, description="Tasks that run at the same time; 0: one for each processor."
    )
    engine_log_limit_bytes: int = Field(
        10 * 1024 * 1024, ge=4096, description="A task's log is cut in the middle beyond this size."
    )
    engine_output_limit_bytes: int = Field(
        10 * 1024**3, ge=0, description="A task that leaves more fails, and writes no larger file; 0: no limit."
    )
    engine_grace_seconds: float = Field(
        10, ge=0, le=3600, description="A task that is asked to end (SIGTERM) is killed after so long."
    )
    engine_run_timeout_seconds: float = Field(0, ge=0, description="A run is ended after so long; 0: no limit.")
    engine_install_timeout_seconds: float = Field(
        1800, ge=0, description="Building a task environment fails after so long; 0: no limit."
    )
    engine_pass_env: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Names, separated by commas, of the service's own variables that tasks may see."
    )
    engine_package_urls: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Addresses, separated by commas, below which packages may be fetched; none: nowhere."
    )

    engine_keep_runs_days: float = Field(
        0, ge=0, description="Ended runs are removed after so many days, files and all; 0: never."
    )
    engine_keep_runs: int = Field(0, ge=0, description="So many ended runs are kept, the last; 0: all.")
    engine_keep_runs_bytes: int = Field(
        0, ge=0, description="Ended runs are removed, the longest ended first, while they take more; 0: no limit."
    )
    engine_keep_environments_days: float = Field(
        14, ge=0, description="Task environments not used for so many days are removed; 0: never."
    )
    engine_keep_environments_bytes: int = Field(
        10 * 1024**3, ge=0, description="The longest unused environments are removed while they take more; 0: no limit."
    )
    engine_keep_results_days: float = Field(
        30, ge=0, description="Cached results not used for so many days are removed; 0: never."
    )
    engine_keep_results_bytes: int = Field(
        10 * 1024**3,
        ge=0,
        description="The longest unused cached results are removed while they take more; 0: no limit.",
    )
    engine_cache: Literal["on", "off"] = Field("on", description="Results of earlier executions are used again.")
    engine_cache_expiry_seconds: float = Field(0, ge=0, description="A result is used until it is so old; 0: always.")
    engine_containers: Literal["off", "docker", "podman", "host"] = Field(
        "off", description="What runs the commands of images; host: this machine itself, without the images."
    )
    engine_secrets_dir: Path | None = Field(
        None, description="A directory for each secret that tasks may ask for, a file for each of its keys."
    )
    engine_config_maps_dir: Path | None = Field(None, description="The same for config maps.")

    engine_interpreters: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Pythons that stand for base images: pattern=path, separated by commas; the first that fits."
    )

    @field_validator("engine_interpreters")
    @classmethod
    def _check_interpreters(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            pattern, _, path = one.partition("=")
            if not pattern or not (Path(path).is_absolute() and Path(path).is_file() and os.access(path, os.X_OK)):
                raise ValueError(f"{one} is not like python:3.9*=/usr/bin/python3.9, or there is no such Python")
        return value

    @field_validator("engine_secrets_dir", "engine_config_maps_dir")
    @classmethod
    def _check_directory(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_dir():
            raise ValueError(f"{value} is not a directory")
        return value

    @field_validator(
        "engine_pass_env",
        "engine_package_urls",
        "engine_interpreters",
        "webhook_hosts",
        "webhook_private_networks",
        mode="before",
    )
    @classmethod
    def _split_names(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value

    @field_validator("engine_package_urls")
    @classmethod
    def _check_prefixes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(each.startswith(("http://", "https://")) and each.split("://", 1)[1].strip("/") for each in value):
            raise ValueError("must be addresses such as https://host/path/")
        return value

    @field_validator("webhook_private_networks")
    @classmethod
    def _check_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            try:
                ip_network(network, strict=False)
            except ValueError as exc:
                raise ValueError(f"must be networks such as 10.0.0.0/8: {exc}") from exc
        return value

    @field_validator("kubeflow_url", "training_manager_url")
    @classmethod
    def _check_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not value.startswith(("http://", "https://")) or not value.split("://", 1)[1].strip("/"):
            raise ValueError("must be an address such as http://host:port")
        return value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _check_database(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("sqlite:", "postgres:", "postgresql:", "postgresql+psycopg:")):
            raise ValueError(
                "the ledger is kept in SQLite or PostgreSQL: sqlite:///path or postgresql://user@host/name"
            )
        return value

    @model_validator(mode="after")
    def _check_pairs(self) -> "Settings":
        for name in ("kubeflow", "trainingmgr"):
            host, port = getattr(self, f"{name}_host"), getattr(self, f"{name}_port")
            if (host is None) != (port is None):
                missing = "PORT" if port is None else "HOST"
                raise SettingsError(f"{name.upper()}_{missing}", "is needed together with its pair")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, env_settings)

    @property
    def kubeflow_base_url(self) -> str | None:
        """Base URL of Kubeflow Pipelines, or None for the embedded engine."""
        if self.kubeflow_url is not None:
            return self.kubeflow_url
        if self.kubeflow_host is None:
            return None
        return f"http://{_bracketed(self.kubeflow_host)}:{self.kubeflow_port}/pipeline"

    @property
    def training_manager_base_url(self) -> str | None:
        """Base URL of the Training Manager, or None when nobody is to be told."""
        if self.training_manager_url is not None:
            return self.training_manager_url
        if self.trainingmgr_host is None:
            return None
        return f"http://{_bracketed(self.trainingmgr_host)}:{self.trainingmgr_port}"

    @property
    def ledger_url(self) -> str:
        """SQLAlchemy URL of the ledger."""
        return self.database_url or f"sqlite:///{self.data_dir / 'ledger.sqlite'}"


def load_settings(**overrides: Any) -> Settings:
    """Read the environment once.

    Args:
        overrides: Settings by field name that win over the environment (command-line options); None is not given.

    Raises:
        SettingsError: A value cannot be used; names the variable.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**{_alias(name): value for name, value in given.items()})
    except ValidationError as exc:
        first = exc.errors()[0]
        raise SettingsError(_variable(str(first["loc"][0]) if first["loc"] else ""), first["msg"]) from exc


def adapter_url(given: str | None = None) -> str:
    """The adapter that commands talk to: as given, or `KFADAPTER_URL`, or the one on this machine.

    Raises:
        SettingsError: It is no address.
    """
    url = (given or os.environ.get(ADAPTER_URL_VARIABLE) or DEFAULT_ADAPTER_URL).strip().rstrip("/")
    if not url.startswith(("http://", "https://")) or not url.split("://", 1)[1]:
        name = "--url" if given else ADAPTER_URL_VARIABLE
        raise SettingsError(name, f"must be an address such as {DEFAULT_ADAPTER_URL}, not {url}")
    return url


def installer_environment() -> dict[str, str]:
    """The service's variables that a package installer needs: index, certificates, proxies, PATH."""
    return {name: value for name, value in os.environ.items() if _is_for_installers(name)}


def container_environment() -> dict[str, str]:
    """The service's variables that Docker and Podman need: where they are, where their daemon and their files are."""
    return {name: value for name, value in os.environ.items() if _is_for_containers(name)}


def passed_environment(names: tuple[str, ...]) -> Mapping[str, str]:
    """The service's variables with these names, for tasks that are allowed to see them."""
    return {name: os.environ[name] for name in names if name in os.environ}


def hide_environment() -> None:
    """Take this process's variables from where other processes of the same user can read them (/proc/PID/environ).

    They stay what they are for this process and for those it starts.
    """
    for name, value in os.environb.items():
        os.putenv(name, value)  # a copy elsewhere, which the C library uses from here on
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = Path("/proc/self/stat").read_text().rpartition(") ")[2].split()
        begin, end = int(fields[47]), int(fields[48])
        if 0 < begin < end:
            ctypes.memset(begin, 0, end - begin)


def _is_for_installers(name: str) -> bool:
    return name in INSTALLER_NAMES or name.startswith(INSTALLER_PREFIXES)


def _is_for_containers(name: str) -> bool:
    return name in CONTAINER_NAMES or name.startswith(CONTAINER_PREFIXES)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _alias(field: str) -> str:
    alias = Settings.model_fields[field].validation_alias
    if isinstance(alias, AliasChoices):
        return str(alias.choices[0])
    return alias if isinstance(alias, str) else field


def _variable(location: str) -> str:
    """The variable a person set, from the name pydantic reports: the first alias, or the field's own name."""
    if not location.isupper():
        return PREFIX + location.upper()
    for field in Settings.model_fields.values():
        alias = field.validation_alias
        if isinstance(alias, AliasChoices) and location in alias.choices:
            given = (str(choice) for choice in alias.choices if str(choice) in os.environ)
            return next(given, location)
    return location
