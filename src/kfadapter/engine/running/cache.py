"""Results of tasks that may be used again: each with its files, apart from the run that made it.

A result is there when its directory is, which is moved into place whole. It holds copies of the task's artifacts, so a
run may be removed without hurting the results made in it, and a result without hurting the runs that used it. Files up
to `COPIED_BYTES` are copied; larger ones are hard links where the disk allows it. Either way a result counts only as
long as every file of it has the size and the time of change it was kept with: one that was changed in place, in
whichever run, is a result no more.

entry.json     when and where it was made, the outputs, and what its files looked like
outputs/       the artifacts, as they lay below the attempt's directory
"""

import contextlib
import json
import os
import stat
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from kfadapter.engine.running.copies import copy_file
from kfadapter.engine.running.local_paths import local_path
from kfadapter.engine.running.removal import remove_tree
from kfadapter.engine.running.values import Artifact, Values

VERSION = 1
COPIED_BYTES = 8 * 1024 * 1024
ENTRY = "entry.json"
OUTPUTS = "outputs"

Looks = dict[str, list[int]]


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a result comes from: the ids of run and task."""

    run_id: str
    task_id: str


@dataclass(frozen=True, kw_only=True)
class Result:
    """A result that was found, its artifacts in place for the task that takes it."""

    outputs: Values
    origin: Origin


@dataclass(frozen=True, kw_only=True)
class StoredResult:
    """A result on the disk, or what an interrupted `keep` left of one.

    Attributes:
        used_at: When it was made or used last, in seconds since 1970.
    """

    path: Path
    is_whole: bool
    used_at: float


def stored_results(directory: Path) -> list[StoredResult]:
    """Every result below a directory, the one that was used last first."""
    found = [one for path in directory.glob("*") if (one := _stored(path)) is not None]
    return sorted(found, key=lambda one: one.used_at, reverse=True)


def _stored(path: Path) -> StoredResult | None:
    is_whole = not path.name.startswith(".")
    try:
        used_at = (path / ENTRY if is_whole else path).stat().st_mtime
    except OSError:
        return None
    return StoredResult(path=path, is_whole=is_whole, used_at=used_at)


class _Unkeepable(Exception):
    """A result that cannot be used by another run."""


class ResultCache:
    """The results below one directory; used by many processes at the same time.

    Two tasks with the same key that run at the same time both run; the result that is kept last stays.

    Args:
        directory: Where they are.
        runs: Where the runs' directories are: files in there do not outlive their runs.
        expiry_seconds: A result is not used any more once it is so old; 0: at any age.
    """

    def __init__(self, directory: Path, runs: Path, *, expiry_seconds: float = 0.0) -> None:
        self._directory = directory
        self._runs = runs
        self._expiry_seconds = expiry_seconds

    def find(self, key: str, attempt: Path) -> Result | None:
        """The result of a key, its artifacts laid into an attempt's directory; None when there is none, it is too old,
        or a file of it is gone or not what it was."""
        place = self._directory / key
        entry = _read(place)
        if entry is None:
            return None
        try:
            if self._is_expired(entry) or not _is_whole(place, entry):
                remove_tree(place)
                return None
            _lay_out(place / OUTPUTS, attempt / OUTPUTS)
            if _read(place) == entry:  # else another result took its place meanwhile, and the files may be of that
                os.utime(place / ENTRY)
                return Result(outputs=_placed(entry["outputs"], attempt), origin=Origin(**entry["origin"]))
        except (OSError, KeyError, TypeError):
            pass
        _clear(attempt / OUTPUTS)
        return None

    def keep(self, key: str, outputs: Values, attempt: Path, origin: Origin) -> bool:
        """Keep the result of an attempt for the runs to come.

        Returns:
            False when it cannot be: an artifact lies in its run but not below the attempt's outputs, or is no file.

        Raises:
            OSError: The disk does not take it.
        """
        draft = self._directory / f".{uuid.uuid4().hex}"
        try:
            document, elsewhere = self._loosened(outputs, attempt)
            _check(attempt / OUTPUTS)
            draft.mkdir(mode=0o700, parents=True)
            _lay_out(attempt / OUTPUTS, draft / OUTPUTS)
            entry = {
                "version": VERSION,
                "created_at": time.time(),
                "origin": vars(origin),
                "outputs": document,
                "files": {str(path.relative_to(draft)): _look(path) for path in _files(draft / OUTPUTS)},
                "elsewhere": elsewhere,
            }
            (draft / ENTRY).write_text(json.dumps(entry))
            self._move_in(draft, self._directory / key)
        except (_Unkeepable, ValueError):
            return False
        finally:
            remove_tree(draft)
        return True

    def _move_in(self, draft: Path, place: Path) -> None:
        for _ in range(3):  # others may put theirs there meanwhile, which is as good
            with contextlib.suppress(OSError):
                draft.rename(place)
                return
            old = self._directory / f".{uuid.uuid4().hex}"
            with contextlib.suppress(OSError):
                place.rename(old)
            remove_tree(old)

    def _is_expired(self, entry: Mapping[str, Any]) -> bool:
        return bool(self._expiry_seconds) and time.time() - float(entry["created_at"]) >= self._expiry_seconds

    def _loosened(self, outputs: Values, attempt: Path) -> tuple[dict[str, Any], Looks]:
        """The outputs with places told from the attempt's directory on; and what files of other places look like."""
        elsewhere: Looks = {}

        def loosened(artifact: Artifact) -> dict[str, Any]:
            uri = str(artifact.get("uri") or "")
            path = local_path(uri)
            if path is None:
                return {**artifact, "place": None}
            if path.is_relative_to(attempt / OUTPUTS):
                return {**artifact, "uri": "", "place": str(path.relative_to(attempt))}
            if path.is_relative_to(self._runs):
                raise _Unkeepable(uri)
            elsewhere.update({str(one): _look(one) for one in _files(path)})
            return {**artifact, "place": None}

        artifacts = {name: [loosened(one) for one in held] for name, held in outputs.artifacts.items()}
        return {"parameters": dict(outputs.parameters), "artifacts": artifacts}, elsewhere


def _read(place: Path) -> dict[str, Any] | None:
    try:
        entry = json.loads((place / ENTRY).read_bytes())
    except (OSError, ValueError):
        return None
    return entry if isinstance(entry, dict) and entry.get("version") == VERSION else None


def _is_whole(place: Path, entry: Mapping[str, Any]) -> bool:
    own = {str(place / name): look for name, look in entry["files"].items()}
    return all(_look_or_none(Path(path)) == look for path, look in {**own, **entry["elsewhere"]}.items())


def _placed(document: Mapping[str, Any], attempt: Path) -> Values:
    artifacts = {name: [_placed_artifact(one, attempt) for one in held] for name, held in document["artifacts"].items()}
    return Values(parameters=document["parameters"], artifacts=artifacts)


def _placed_artifact(artifact: Mapping[str, Any], attempt: Path) -> Artifact:
    place = artifact["place"]
    uri = artifact["uri"] if place is None else str(attempt / PurePosixPath(place))
    return {name: value for name, value in {**artifact, "uri": uri}.items() if name != "place"}


def _look(path: Path) -> list[int]:
    found = path.lstat()
    return [found.st_size, found.st_mtime_ns]


def _look_or_none(path: Path) -> list[int] | None:
    try:
        return _look(path)
    except OSError:
        return None


def _files(path: Path) -> Iterator[Path]:
    """Every file and link below a directory, or the file itself; nothing when there is none.

    Raises:
        _Unkeepable: There is something else (a pipe, a socket).
    """
    if not path.is_dir():
        if os.path.lexists(path):
            yield path
        return
    for directory, names, files in os.walk(path):
        for name in [*files, *(one for one in names if os.path.islink(os.path.join(directory, one)))]:
            one = Path(directory, name)
            if not (one.is_symlink() or stat.S_ISREG(one.lstat().st_mode)):
                raise _Unkeepable(str(one))
            yield one


def _check(path: Path) -> None:
    """
    Raises:
        _Unkeepable: There is something below a directory that is neither a file nor a link.
    """
    for _ in _files(path):
        pass


def _lay_out(source: Path, target: Path) -> None:
    """Put the same files below another directory.

    Raises:
        OSError: A file is gone, or the disk is full.
    """
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for directory, names, files in os.walk(source):
        there = target / Path(directory).relative_to(source)
        for name in names:
            if not os.path.islink(os.path.join(directory, name)):
                (there / name).mkdir(mode=0o700, exist_ok=True)
        for name in [*files, *(one for one in names if os.path.islink(os.path.join(directory, one)))]:
            _share(Path(directory, name), there / name)


def _share(source: Path, target: Path) -> None:
    if not source.is_symlink() and source.stat().st_size > COPIED_BYTES:
        with contextlib.suppress(OSError):
            os.link(source, target)
            return
    copy_file(source, target)


def _clear(directory: Path) -> None:
    remove_tree(directory)
    with contextlib.suppress(OSError):
        directory.mkdir(mode=0o700)
