"""Files that commands read and write."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx

from kfadapter.cli.http import LOOPBACK, AdapterFailed

FETCH_SECONDS = 60.0
MAX_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class PackageFile:
    """A compiled pipeline as it was given.

    Attributes:
        name: The file's name, without directories.
        content: Its bytes.
    """

    name: str
    content: bytes


def read_package(given: str) -> PackageFile:
    """The file at a path, or at an address (http, https), which is fetched by this program, not by the adapter.

    Raises:
        AdapterFailed: It cannot be read.
    """
    if given.lower().startswith(("http://", "https://")):
        return _fetched(given)
    file = Path(given)
    try:
        return PackageFile(name=file.name, content=file.read_bytes())
    except OSError as exc:
        raise AdapterFailed(f"cannot read {given}: {exc.strerror}") from exc


def _fetched(url: str) -> PackageFile:
    content = bytearray()
    started = time.monotonic()
    try:
        use_proxies = urlsplit(url).hostname not in LOOPBACK
        with httpx.stream("GET", url, follow_redirects=True, timeout=FETCH_SECONDS, trust_env=use_proxies) as answer:
            if not answer.is_success:
                raise AdapterFailed(f"cannot fetch {url}: it answered {answer.status_code}")
            for block in answer.iter_bytes():
                content += block
                if len(content) > MAX_BYTES:
                    raise AdapterFailed(f"cannot fetch {url}: it is larger than {MAX_BYTES // 1024 // 1024} MiB")
                if time.monotonic() - started > FETCH_SECONDS:
                    raise AdapterFailed(f"cannot fetch {url}: it did not come within {FETCH_SECONDS:g} s")
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise AdapterFailed(f"cannot fetch {url}: {str(exc) or type(exc).__name__}") from exc
    return PackageFile(name=unquote(urlsplit(url).path).rpartition("/")[2] or "pipeline.yaml", content=bytes(content))


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
