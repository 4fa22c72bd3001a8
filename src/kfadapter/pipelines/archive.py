"""Finding the pipeline in a zip or tar.gz that nobody has vouched for. Nothing is ever written to disk."""

import gzip
import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from kfadapter.errors import PackageError, PackageTooLarge

_ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_ZIP_ENTRY = b"PK\x01\x02"
_GZIP_MAGIC = b"\x1f\x8b"
_TAR_BLOCK = 512
_PREFERRED = ("pipeline.yaml", "pipeline.yml", "pipeline.json")
_SUFFIXES = (".yaml", ".yml", ".json")
_RATIO_MATTERS_FROM = 1024 * 1024
_DAMAGES = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)


class ArchiveKind(StrEnum):
    """The archives Kubeflow takes."""

    ZIP = "zip"
    TAR_GZ = "tar.gz"


@dataclass(frozen=True, kw_only=True)
class ArchiveLimits:
    """What an archive may hold.

    Attributes:
        max_member_bytes: Size of the pipeline's file.
        max_total_bytes: Size of everything in it, unpacked.
        max_members: Entries.
        max_ratio: Unpacked to packed size of the pipeline's file, counted from 1 MiB on.
    """

    max_member_bytes: int = 32 * 1024 * 1024
    max_total_bytes: int = 128 * 1024 * 1024
    max_members: int = 1_000
    max_ratio: int = 200


@dataclass(frozen=True, kw_only=True)
class _Member:
    """A regular file in an archive; `place` is its index or offset."""

    name: str
    size: int
    place: int


def archive_kind(content: bytes) -> ArchiveKind | None:
    """What archive this is by its first bytes, whatever its name said; None: no archive."""
    if content.startswith(_ZIP_MAGICS):
        return ArchiveKind.ZIP
    return ArchiveKind.TAR_GZ if content.startswith(_GZIP_MAGIC) else None


def unpack_pipeline(content: bytes, kind: ArchiveKind, limits: ArchiveLimits) -> bytes:
    """The pipeline's file of an archive: `pipeline.yaml` (or .yml, .json) at its top, else the only such file.

    Kubeflow takes `pipeline.yaml`, else whichever file comes first; here several files are refused instead.

    Raises:
        PackageTooLarge: The file or the archive is too large unpacked.
        PackageError: Damaged, encrypted, empty, with members outside itself, or no single pipeline in it.
    """
    try:
        unpacked = _unpack_zip(content, limits) if kind is ArchiveKind.ZIP else _unpack_tar_gz(content, limits)
    except _DAMAGES as exc:
        raise PackageError(f"the {kind} archive is damaged: {exc or type(exc).__name__}") from exc
    if archive_kind(unpacked) is not None:
        raise PackageError(f"the pipeline's file in the {kind} archive is itself an archive")
    return unpacked


def _unpack_zip(content: bytes, limits: ArchiveLimits) -> bytes:
    if content.count(_ZIP_ENTRY) > limits.max_members:
        raise PackageError(f"the archive has more than {limits.max_members:,} members")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
        for entry in entries:
            _check_zip_entry(entry)
        _check_total(sum(entry.file_size for entry in entries), limits)
        members = [
            _Member(name=entry.orig_filename, size=entry.file_size, place=index)
            for index, entry in enumerate(entries)
            if not entry.is_dir()
        ]
        chosen = entries[_choose(members, limits).place]
        return _read_zip_entry(archive, chosen, limits)


def _check_zip_entry(entry: zipfile.ZipInfo) -> None:
    _check_name(entry.orig_filename)
    mode = entry.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise PackageError(f"the archive holds a link or device: {_shown(entry.orig_filename)}")
    if entry.flag_bits & 0x1:
        raise PackageError(f"the archive is encrypted: {_shown(entry.orig_filename)}")


def _read_zip_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limits: ArchiveLimits) -> bytes:
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise PackageError(f"{_shown(entry.orig_filename)} is packed by a method that Kubeflow does not read")
    if entry.file_size > _RATIO_MATTERS_FROM and entry.file_size > limits.max_ratio * max(entry.compress_size, 1):
        raise PackageTooLarge(
            f"{_shown(entry.orig_filename)} unpacks from {entry.compress_size:,} to {entry.file_size:,} bytes; "
            f"at most {limits.max_ratio} times the packed size is accepted"
        )
    with archive.open(entry) as stream:
        unpacked = stream.read(limits.max_member_bytes + 1)
    _check_size(entry.orig_filename, len(unpacked), limits)
    return unpacked


def _unpack_tar_gz(content: bytes, limits: ArchiveLimits) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
        tar = stream.read(limits.max_total_bytes + 1)
    _check_total(len(tar), limits)
    if len(tar) > _RATIO_MATTERS_FROM and len(tar) > limits.max_ratio * len(content):
        raise PackageTooLarge(
            f"the archive unpacks from {len(content):,} to {len(tar):,} bytes; "
            f"at most {limits.max_ratio} times the packed size is accepted"
        )
    chosen = _choose(list(_tar_members(tar, limits)), limits)
    return tar[chosen.place : chosen.place + chosen.size]


def _tar_members(tar: bytes, limits: ArchiveLimits) -> Iterator[_Member]:
    """The regular files of a tar; its headers are walked one by one, so that no header can send the reader back."""
    position = headers = 0
    long_name: str | None = None
    while any(block := tar[position : position + _TAR_BLOCK]):
        info = _tar_header(block, first=position == 0)
        headers += 1
        if headers > 2 * limits.max_members:
            raise PackageError(f"the archive has more than {limits.max_members:,} members")
        start = position + _TAR_BLOCK
        data = tar[start : start + info.size] if info.size and info.type in _TAR_NAMES else b""
        position = start + -(-info.size // _TAR_BLOCK) * _TAR_BLOCK
        if start + info.size > len(tar):
            raise PackageError(f"the archive is damaged: it ends inside {_shown(info.name)}")
        if info.type in _TAR_NAMES:
            long_name = _long_name(info.type, data) or long_name
            continue
        name, long_name = long_name or info.name, None
        _check_tar_entry(info, name)
        if info.isreg() and info.type != tarfile.GNUTYPE_SPARSE:
            yield _Member(name=name, size=info.size, place=start)


# Entries that say something about the next one: its name (GNU, POSIX), its link's name, defaults for all.
_TAR_NAMES = (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGLINK, tarfile.XGLTYPE)


def _tar_header(block: bytes, *, first: bool) -> tarfile.TarInfo:
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError as exc:
        reason = "the file is gzip, but holds no tar archive" if first else f"the archive is damaged: {exc}"
        raise PackageError(reason) from exc
    if info.size < 0:
        raise PackageError("the archive is damaged: a member has a negative size")
    return info


def _long_name(kind: bytes, data: bytes) -> str | None:
    if kind == tarfile.GNUTYPE_LONGNAME:
        return data.rstrip(b"\0").decode("utf-8", "surrogateescape")
    if kind == tarfile.XHDTYPE:
        # Records are `LENGTH KEY=VALUE\n`; a pipeline's name holds no line break.
        paths = [line.partition(b" path=")[2] for line in data.split(b"\n") if b" path=" in line]
        return paths[-1].decode("utf-8", "surrogateescape") if paths else None
    return None


def _check_tar_entry(info: tarfile.TarInfo, name: str) -> None:
    _check_name(name)
    if not (info.isreg() or info.isdir()):
        raise PackageError(f"the archive holds a link or device: {_shown(name)}")


def _check_name(name: str) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or "\0" in name or name[1:2] == ":":
        raise PackageError(f"the archive holds a member outside itself: {_shown(name)}")


def _check_total(total: int, limits: ArchiveLimits) -> None:
    if total > limits.max_total_bytes:
        raise PackageTooLarge(
            f"the archive holds {total:,} bytes or more, unpacked; at most {limits.max_total_bytes:,} are accepted"
        )


def _check_size(name: str, size: int, limits: ArchiveLimits) -> None:
    if size > limits.max_member_bytes:
        raise PackageTooLarge(
            f"{_shown(name)} has {size:,} bytes or more, unpacked; at most {limits.max_member_bytes:,} are accepted"
        )


def _choose(members: Sequence[_Member], limits: ArchiveLimits) -> _Member:
    files = [member for member in members if not _is_junk(member.name)]
    if not files:
        raise PackageError("the archive is empty")
    chosen = _only([m for m in files if str(PurePosixPath(m.name)) == _PREFERRED[0]]) or _preferred(files)
    _check_size(chosen.name, chosen.size, limits)
    return chosen


def _preferred(files: Sequence[_Member]) -> _Member:
    for name in _PREFERRED[1:]:
        if found := _only([member for member in files if str(PurePosixPath(member.name)) == name]):
            return found
    pipelines = [member for member in files if member.name.lower().endswith(_SUFFIXES)]
    if len(pipelines) == 1:
        return pipelines[0]
    listed = _listed(pipelines or files)
    if not pipelines:
        raise PackageError(f"the archive holds no YAML or JSON file, only {listed}")
    raise PackageError(f"the archive holds no pipeline.yaml, but several files that may be meant: {listed}")


def _only(found: Sequence[_Member]) -> _Member | None:
    if len(found) > 1:
        raise PackageError(f"the archive holds {found[0].name} {len(found)} times")
    return found[0] if found else None


def _is_junk(name: str) -> bool:
    """What macOS puts beside files."""
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or (bool(parts) and (parts[-1].startswith("._") or parts[-1] == ".DS_Store"))


def _listed(members: Sequence[_Member]) -> str:
    names = [_shown(member.name) for member in members[:8]]
    return ", ".join(names) + (f" and {len(members) - 8:,} more" if len(members) > 8 else "")


def _shown(name: str) -> str:
    text = name.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    text = "".join(c if c.isprintable() else "?" for c in text)
    return text if len(text) <= 80 else text[:77] + "..."
