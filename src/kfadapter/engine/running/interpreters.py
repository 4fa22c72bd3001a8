"""Which Python stands for which image."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase


@dataclass(frozen=True, kw_only=True)
class Interpreters:
    """Pythons by patterns of images, as `python:3.9*`; the first that fits counts."""

    by_image: Mapping[str, str] = field(default_factory=dict)

    def of(self, image: str) -> str:
        """The Python for an image; empty: the engine's own."""
        return next((path for pattern, path in self.by_image.items() if fnmatchcase(image, pattern)), "")
