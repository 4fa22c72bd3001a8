"""Names of container images: registry, repository, tag and digest, as container tools read them."""

import re
from dataclasses import dataclass

from kfadapter.pipelines.scalars import JSON

_PLACEHOLDER = "{{"
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9+._-]*:[0-9a-fA-F]{32,}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
DEFAULT_TAG = "latest"


@dataclass(frozen=True, kw_only=True)
class Image:
    """A container image as a specification names it.

    Attributes:
        name: As written.
        repository: Without tag and digest: `registry.example/team/train`.
        tag: Empty when none is written; tools then take `latest`.
        digest: `sha256:…`; empty when none is written.
        is_placeholder: The name, or a part of it, is known only at run time.
    """

    name: str
    repository: str = ""
    tag: str = ""
    digest: str = ""
    is_placeholder: bool = False

    @property
    def is_fixed(self) -> bool:
        """Whether it is always the same image: only a digest promises that."""
        return bool(self.digest)

    def to_json(self) -> dict[str, JSON]:
        """As the adapter's answers show it."""
        return {
            "name": self.name,
            "repository": self.repository,
            "tag": self.tag or None,
            "digest": self.digest or None,
            "is_placeholder": self.is_placeholder,
        }


def read_image(name: str) -> Image:
    """Take an image's name apart. Whatever cannot be taken apart stays in `repository`."""
    if _PLACEHOLDER in name:
        return Image(name=name, repository=name, is_placeholder=True)
    rest, digest = _cut(name, "@", _DIGEST)
    registry_and_path, slash, last = rest.rpartition("/")
    last, tag = _cut(last, ":", _TAG)
    return Image(name=name, repository=registry_and_path + slash + last, tag=tag, digest=digest)


def _cut(text: str, mark: str, form: re.Pattern[str]) -> tuple[str, str]:
    before, found, after = text.rpartition(mark)
    return (before, after) if found and before and "@" not in before and form.fullmatch(after) else (text, "")
