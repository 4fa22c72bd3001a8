"""Persistent volume claims: a directory for each, which outlives the runs that use it."""

import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kfadapter.engine.running.removal import remove_tree
from kfadapter.errors import EngineError

NAME = re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")
CREATE = "argostub/createpvc"


class ClaimRefused(EngineError):
    """A claim cannot be made, found or removed; says why."""


class Claims:
    """The claims below one directory. Sizes, access modes and storage classes are not looked at."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def has(self, name: str) -> bool:
        return NAME.fullmatch(name) is not None and (self._directory / name).is_dir()

    def place(self, name: str, sub_path: str = "") -> Path:
        """The directory of a claim, or one below it, which is made.

        Raises:
            ClaimRefused: There is no such claim, or the path leads out of it.
        """
        if not self.has(name):
            raise ClaimRefused(f"there is no volume claim {name!r}")
        top = (self._directory / name).resolve()
        place = (top / sub_path.strip("/")).resolve()
        if not place.is_relative_to(top):
            raise ClaimRefused(f"the path {sub_path!r} leads out of the volume claim {name!r}")
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as exc:
            raise ClaimRefused(f"{sub_path!r} of the volume claim {name!r} cannot be made: {exc.strerror}") from exc
        return place

    def carry_out(self, image: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Do what a claim's task is for: its output parameters.

        Args:
            image: KFP's word for what is to be done.
            inputs: The task's parameters.

        Raises:
            ClaimRefused: It cannot be done.
        """
        if image == CREATE:
            return {"name": self._create(str(inputs.get("pvc_name") or ""), str(inputs.get("pvc_name_suffix") or ""))}
        self._delete(str(inputs.get("pvc_name") or ""))
        return {}

    def _create(self, given: str, suffix: str) -> str:
        """Names follow KFP's driver: as given, or a UUID with the suffix behind it."""
        if given and suffix:
            raise ClaimRefused("a volume claim has a name or a suffix, not both")
        name = given or f"{uuid.uuid4()}{suffix}"
        if not NAME.fullmatch(name):
            raise ClaimRefused(f"{name!r} is no name for a volume claim")
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._directory / name).mkdir(mode=0o700)
        except FileExistsError as exc:
            raise ClaimRefused(f"the volume claim {name!r} already exists") from exc
        except OSError as exc:
            raise ClaimRefused(f"the volume claim {name!r} cannot be made: {exc.strerror}") from exc
        return name

    def _delete(self, name: str) -> None:
        if not self.has(name):
            raise ClaimRefused(f"there is no volume claim {name!r}")
        remove_tree(self._directory / name)
