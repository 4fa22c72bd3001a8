import io
import struct
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kfadapter.errors import PackageError, PackageTooLarge
from kfadapter.pipelines.archive import ArchiveKind, ArchiveLimits, archive_kind, unpack_pipeline

PIPELINE = b"pipelineInfo: {name: a}\n"
LIMITS = ArchiveLimits(max_member_bytes=2_000_000, max_total_bytes=4_000_000, max_members=20, max_ratio=50)
Archive = Callable[[dict[str, bytes]], bytes]


def make_zip(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def make_tar(members: dict[str, bytes], format: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=format) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def unpack(content: bytes) -> bytes:
    kind = archive_kind(content)
    assert kind is not None
    return unpack_pipeline(content, kind, LIMITS)


@pytest.fixture(params=[make_zip, make_tar], ids=["zip", "tar.gz"])
def make(request: pytest.FixtureRequest) -> Archive:
    archive: Archive = request.param
    return archive


def test_archives_are_told_by_their_first_bytes() -> None:
    assert archive_kind(make_zip({"a": b""})) is ArchiveKind.ZIP
    assert archive_kind(make_zip({})) is ArchiveKind.ZIP
    assert archive_kind(make_tar({"a": b""})) is ArchiveKind.TAR_GZ
    assert archive_kind(b"PK: a key of YAML") is None
    assert archive_kind(b"") is None


@pytest.mark.parametrize(
    "members",
    [
        {"readme.txt": b"notes", "pipeline.yaml": PIPELINE, "other.yaml": b"x"},
        {"./pipeline.yaml": PIPELINE, "component.yaml": b"x"},
        {"pipeline.json": PIPELINE, "component.yaml": b"x"},
        {"readme.txt": b"notes", "other.YAML": PIPELINE},
        {"folder/deep/my.yml": PIPELINE, "folder/notes.txt": b""},
        {"__MACOSX/._pipeline.yaml": b"junk", "._my.yaml": b"junk", ".DS_Store": b"junk", "my.yaml": PIPELINE},
        {"a" * 150 + "/" + "b" * 150 + ".yaml": PIPELINE, "readme.txt": b""},
        {"größe.yaml": PIPELINE},
    ],
)
def test_the_pipelines_file_is_found(make: Archive, members: dict[str, bytes]) -> None:
    assert unpack(make(members)) == PIPELINE


def test_long_names_of_gnu_tar_are_read() -> None:
    members = {"d/" * 100 + "notes.txt": b"x", "d/" * 100 + "pipeline.yaml": PIPELINE}
    assert unpack(make_tar(members, tarfile.GNU_FORMAT)) == PIPELINE


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({}, "empty"),
        ({"__MACOSX/._a.yaml": b""}, "empty"),
        ({"readme.txt": b"notes"}, "no YAML or JSON file, only readme.txt"),
        ({"a.yaml": b"", "b.json": b"", "c.txt": b""}, "a.yaml, b.json"),
        ({"../pipeline.yaml": PIPELINE}, "outside itself: ../pipeline.yaml"),
        ({"a/../../pipeline.yaml": PIPELINE}, "outside itself"),
        ({"/etc/pipeline.yaml": PIPELINE}, "outside itself"),
        ({"..\\pipeline.yaml": PIPELINE}, "outside itself"),
        ({"C:\\pipeline.yaml": PIPELINE}, "outside itself"),
        ({"pipeline.yaml": make_zip({"pipeline.yaml": PIPELINE})}, "itself an archive"),
        ({"pipeline.yaml": make_tar({"pipeline.yaml": PIPELINE})}, "itself an archive"),
        ({f"{n}.txt": b"" for n in range(60)}, "more than 20 members"),
    ],
)
def test_archives_without_one_safe_pipeline_are_refused(make: Archive, members: dict[str, bytes], reason: str) -> None:
    with pytest.raises(PackageError) as refusal:
        unpack(make(members))
    assert reason in str(refusal.value)


def test_the_same_name_twice_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("pipeline.yaml", PIPELINE)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("pipeline.yaml", b"other")
    with pytest.raises(PackageError, match="2 times"):
        unpack(buffer.getvalue())


def test_bombs_are_refused_before_they_unpack(make: Archive) -> None:
    with pytest.raises(PackageTooLarge, match="bytes"):
        unpack(make({"pipeline.yaml": b" " * 1_900_000}))
    with pytest.raises(PackageTooLarge, match="bytes"):
        unpack(make({"pipeline.yaml": b" " * 100_000_000}))


def test_a_pipeline_over_the_limit_is_refused_with_both_sizes() -> None:
    import random

    noise = random.Random(1).randbytes(2_100_000)
    with pytest.raises(PackageTooLarge, match=r"2,100,000 bytes .*at most 2,000,000"):
        unpack(make_tar({"pipeline.yaml": noise}))
    with pytest.raises(PackageTooLarge, match=r"2,100,000 bytes .*at most 2,000,000"):
        unpack(make_zip({"pipeline.yaml": noise}))


def test_a_zip_that_lies_about_its_size_is_refused() -> None:
    honest = make_zip({"pipeline.yaml": b"a" * 100_000})
    lying = honest.replace(struct.pack("<L", 100_000), struct.pack("<L", 10))
    with pytest.raises(PackageError):
        unpack(lying)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(kind: bytes) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo("pipeline.yaml")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(PackageError, match="link or device"):
        unpack(buffer.getvalue())


def test_links_and_encrypted_members_of_a_zip_are_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("pipeline.yaml")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(PackageError, match="link or device"):
        unpack(buffer.getvalue())
    plain = bytearray(make_zip({"pipeline.yaml": PIPELINE}))
    plain[plain.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(PackageError, match="encrypted"):
        unpack(bytes(plain))


def test_a_tar_member_of_negative_size_is_refused() -> None:
    header = bytearray(tarfile.TarInfo("pipeline.yaml").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 10 + b"\xfe\x00"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    buffer = io.BytesIO()
    import gzip

    with gzip.GzipFile(fileobj=buffer, mode="w") as stream:
        stream.write(bytes(header) + bytes(1024))
    with pytest.raises(PackageError, match="negative size"):
        unpack(buffer.getvalue())


def test_gzip_without_a_tar_is_refused() -> None:
    import gzip

    with pytest.raises(PackageError, match="holds no tar"):
        unpack(gzip.compress(PIPELINE * 100))


def test_cut_archives_are_refused(make: Archive) -> None:
    whole = make({"readme.txt": bytes(range(256)) * 40, "pipeline.yaml": PIPELINE})
    for length in range(4, len(whole) - 8, max(1, len(whole) // 40)):
        with pytest.raises(PackageError):
            unpack(whole[:length])


@given(
    st.sampled_from([make_zip, make_tar]),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=6),
)
@settings(max_examples=100, deadline=None)
def test_damaged_archives_raise_nothing_but_a_package_error(make: Archive, changes: list[tuple[int, int]]) -> None:
    content = bytearray(make({"readme.txt": b"notes", "pipeline.yaml": PIPELINE}))
    for position, byte in changes:
        content[position % len(content)] = byte
    if archive_kind(bytes(content)) is None:
        return
    with suppress(PackageError):
        unpack(bytes(content))


@given(st.sampled_from([b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"\x1f\x8b\x08\x00"]), st.binary(max_size=600))
@settings(max_examples=80, deadline=None)
def test_noise_after_an_archives_first_bytes_raises_nothing_but_a_package_error(magic: bytes, noise: bytes) -> None:
    with pytest.raises(PackageError):
        unpack(magic + noise)


@given(st.lists(st.tuples(st.integers(0, 1600), st.integers(0, 255)), min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_damaged_tar_headers_raise_nothing_but_a_package_error(changes: list[tuple[int, int]]) -> None:
    import gzip

    tar = bytearray(gzip.decompress(make_tar({"readme.txt": b"notes", "pipeline.yaml": PIPELINE})))
    for position, byte in changes:
        tar[position] = byte
    header = tar[:512]
    header[148:156] = b" " * 8
    tar[148:156] = b"%06o\0 " % sum(header)
    with suppress(PackageError):
        unpack(gzip.compress(bytes(tar)))
