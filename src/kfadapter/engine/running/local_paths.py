"""Artifacts that lie on this machine."""

from pathlib import Path

SCHEME = "file://"


def local_path(uri: str) -> Path | None:
    """The path behind an artifact's URI: an absolute path or `file:///…`; None when it lies elsewhere."""
    text = uri.removeprefix(SCHEME)
    return Path(text) if text.startswith("/") else None
