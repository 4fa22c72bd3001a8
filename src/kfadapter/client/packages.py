"""Packages as they are given: a path, or the bytes themselves."""

import os
from pathlib import Path
from typing import TypeAlias

Package: TypeAlias = str | os.PathLike[str] | bytes
"""A path to a compiled pipeline (yaml, json, zip, tar.gz), or its content."""


def file_of(package: Package) -> tuple[str, bytes]:
    """A file name and the content.

    Raises:
        OSError: The file cannot be read.
    """
    if isinstance(package, bytes):
        return "pipeline.yaml", package
    place = Path(package)
    return place.name, place.read_bytes()
