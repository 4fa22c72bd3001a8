"""What a pipeline may ask of this engine, as it is configured."""

import os
from dataclasses import dataclass

from kfadapter.engine.running.claims import Claims
from kfadapter.engine.running.placement import Containers
from kfadapter.engine.running.vaults import Vault


@dataclass(frozen=True, kw_only=True)
class Abilities:
    """What there is.

    Attributes:
        containers: What is done with commands of images.
        program_path: Directories that Docker or Podman is looked for in, as in `PATH`.
    """

    containers: Containers
    program_path: str
    secrets: Vault
    config_maps: Vault
    claims: Claims

    @property
    def lacks_program(self) -> bool:
        """Whether the program that is to run containers is nowhere; it may be installed at any time."""
        places = os.get_exec_path({"PATH": self.program_path or os.defpath})
        programs = (os.path.join(place, self.containers) for place in places)
        return self.containers.is_program and not any(os.access(program, os.X_OK) for program in programs)

    @property
    def warning(self) -> str:
        """What those who run the engine should know of how commands of images are run; empty for nothing."""
        if self.containers is Containers.HOST:
            return "commands of container images run on this machine itself, without their images"
        return "there is no program to run containers with" if self.lacks_program else ""
