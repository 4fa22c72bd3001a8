"""What a pipeline may ask of this engine, as it is configured."""

from dataclasses import dataclass

from kfadapter.engine.running.claims import Claims
from kfadapter.engine.running.placement import Containers
from kfadapter.engine.running.vaults import Vault


@dataclass(frozen=True, kw_only=True)
class Abilities:
    """What there is.

    Attributes:
        containers: What is done with commands of images.
    """

    containers: Containers
    secrets: Vault
    config_maps: Vault
    claims: Claims
