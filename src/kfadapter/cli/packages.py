"""Files that commands read and write."""

import sys
from pathlib import Path

from kfadapter.cli.http import AdapterFailed


def read_package(file: Path) -> bytes:
    """A file's content.

    Raises:
        AdapterFailed: It cannot be read.
    """
    try:
        return file.read_bytes()
    except OSError as exc:
        raise AdapterFailed(f"cannot read {file}: {exc.strerror}") from exc


def write_out(content: bytes, output: Path | None) -> None:
    """Write to a file, or to standard output where none is named or it is `-`.

    Raises:
        AdapterFailed: It cannot be written.
    """
    if output is None or str(output) == "-":
        sys.stdout.write(content.decode("utf-8", "replace"))
        sys.stdout.flush()
        return
    try:
        output.write_bytes(content)
    except OSError as exc:
        raise AdapterFailed(f"cannot write {output}: {exc.strerror}") from exc
