"""Secrets and config maps: a directory for each, a file for each key, as Kubernetes mounts them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

NAME = re.compile(r"[A-Za-z0-9][-._A-Za-z0-9]{0,252}")
KEY = re.compile(r"(?!\.\.)[-._A-Za-z0-9]{1,253}")


@dataclass(frozen=True, kw_only=True)
class Vault:
    """The secrets, or the config maps, that tasks may ask for.

    Attributes:
        kind: What is kept: secret or config map.
        setting: The variable that names the directory.
        directory: Where they are; None: there are none.
    """

    kind: str
    setting: str
    directory: Path | None = None

    def place(self, name: str) -> Path | None:
        """The directory of one; None when there is none of that name."""
        if self.directory is None or not NAME.fullmatch(name):
            return None
        place = self.directory / name
        return place if place.is_dir() else None

    def value(self, name: str, key: str) -> str | None:
        """The value of a key, as it stands in its file; None when there is none.

        Raises:
            OSError: It cannot be read.
            UnicodeDecodeError: It is no text.
        """
        place = self.place(name)
        if place is None or not KEY.fullmatch(key) or not (place / key).is_file():
            return None
        return (place / key).read_text()

    def values(self, name: str) -> list[str]:
        """Every value of one that is text and can be read."""
        place = self.place(name)
        found = []
        for path in sorted(place.iterdir()) if place else ():
            try:
                if path.is_file():
                    found.append(path.read_text())
            except (OSError, UnicodeDecodeError):
                continue
        return found

    def lack(self, name: str, keys: Iterable[str] = ()) -> str:
        """What is missing of one that is asked for, in a sentence; empty when all is there."""
        place = self.place(name)
        if self.directory is None:
            return f"the {self.kind} {name!r} is not there: {self.setting} is not set"
        if place is None:
            return f"the {self.kind} {name!r} is not there: {self.setting} has no directory of that name"
        missing = [key for key in keys if not (KEY.fullmatch(key) and (place / key).is_file())]
        return f"the {self.kind} {name!r} has no key {missing[0]!r}" if missing else ""


def secrets(directory: Path | None = None) -> Vault:
    """The secrets below a directory."""
    return Vault(kind="secret", setting="KFADAPTER_ENGINE_SECRETS_DIR", directory=directory)


def config_maps(directory: Path | None = None) -> Vault:
    """The config maps below a directory."""
    return Vault(kind="config map", setting="KFADAPTER_ENGINE_CONFIG_MAPS_DIR", directory=directory)
