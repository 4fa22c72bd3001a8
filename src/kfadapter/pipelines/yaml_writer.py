"""Writing documents so that Kubeflow (Go's yaml.v3) reads the very same values."""

from collections.abc import Sequence
from typing import Any

import yaml

from kfadapter.errors import PackageError
from kfadapter.pipelines.documents import JSON, DocumentLimits, parse_yaml

_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_NUMBER_STARTS = frozenset("+-.0123456789")


class _PlainDumper(_Dumper):  # type: ignore[misc]
    """Without aliases, and with quotes around every text that a YAML reader may take for a number."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def represent_text(self, text: str) -> Any:
        style = '"' if text[:1] in _NUMBER_STARTS else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_PlainDumper.add_representer(str, _PlainDumper.represent_text)


def dump_documents(documents: Sequence[JSON], limits: DocumentLimits | None = None) -> bytes:
    """YAML documents, one after the other.

    Raises:
        PackageError: They hold something that YAML cannot carry back (a key of more than 1,024 characters …).
    """
    text: str = yaml.dump_all(documents, Dumper=_PlainDumper, allow_unicode=True, sort_keys=False)
    written = text.encode()
    if parse_yaml(written, limits or DocumentLimits()) != list(documents):
        raise PackageError("the pipeline cannot be written as YAML without a change")
    return written
