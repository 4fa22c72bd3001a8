"""Reading a file of YAML or JSON documents that nobody has vouched for.

Values are those of JSON: `scalars` says what a word means, keys are unique texts, `<<` merges.

Nothing recurses and nothing is expanded: the parser's events are counted as they come, so that deep nesting, alias
bombs and floods of nodes end with an error before they cost time or memory.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import orjson
import yaml

from kfadapter.errors import PackageError, PackageTooLarge
from kfadapter.pipelines.scalars import JSON, TAG_PREFIX, at, refused_tag, resolve, shown

__all__ = ["JSON", "DocumentLimits", "check_text", "load_documents", "parse_json", "parse_yaml"]

_EventLoader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_UTF8_BOM = b"\xef\xbb\xbf"
_MERGE = object()
# libyaml looks through all tag directives for each new one, so a flood of them would take minutes.
_MAX_TAG_DIRECTIVES = 100


@dataclass(frozen=True, kw_only=True)
class DocumentLimits:
    """What a file may hold. The compiler's own output stays far below: some 30,000 nodes in 1 MiB.

    Attributes:
        max_bytes: Size of the file.
        max_expanded_bytes: Length of all texts, those behind an alias counted each time.
        max_nodes: Values and keys, those behind an alias counted each time.
        max_depth: Lists and objects inside each other.
        max_aliases: Uses of anchors.
        max_documents: Documents in one file.
    """

    max_bytes: int = 32 * 1024 * 1024
    max_expanded_bytes: int = 64 * 1024 * 1024
    max_nodes: int = 250_000
    max_depth: int = 80
    max_aliases: int = 1_000
    max_documents: int = 16


def load_documents(content: bytes, limits: DocumentLimits | None = None) -> list[JSON]:
    """The documents of a YAML or JSON file, empty ones left out; at least one.

    Values behind an alias are shared, not copied: treat what comes back as unchangeable.

    Raises:
        PackageTooLarge: The file, or what it expands to, exceeds a limit of size.
        PackageError: It is not text, not YAML, holds what JSON cannot say, or nothing at all.
    """
    limits = limits or DocumentLimits()
    check_text(content, limits)
    document = parse_json(content, limits)
    return parse_yaml(content, limits) if document is None else [document]


def check_text(content: bytes, limits: DocumentLimits) -> None:
    """Refuse what is too large, blank or not UTF-8 text.

    Raises:
        PackageTooLarge: Too large.
        PackageError: Blank or not text.
    """
    if len(content) > limits.max_bytes:
        raise PackageTooLarge(f"the file has {len(content):,} bytes; at most {limits.max_bytes:,} are accepted")
    if not content or content.isspace():
        raise PackageError("the file is empty")
    nul = content.find(b"\0")
    try:
        content.decode()
    except UnicodeDecodeError as exc:
        raise PackageError(f"the file is not UTF-8 text (byte {exc.start + 1:,})") from exc
    if nul >= 0:
        raise PackageError(f"the file is not text: it has a NUL character (line {_line_of(content, nul)})")


def parse_json(content: bytes, limits: DocumentLimits) -> dict[str, JSON] | None:
    """The one object of a JSON file; None when it is not JSON, or better read as YAML because of its many nodes.

    Raises:
        PackageError: JSON, but nested too deeply, with a key given twice, or with NaN.
    """
    text = content.removeprefix(_UTF8_BOM)
    if text.lstrip()[:1] != b"{" or _most_nodes(text) > limits.max_nodes:
        return None
    try:
        json.loads(text, object_pairs_hook=_check_unique, parse_constant=_refuse_constant)
        document: dict[str, JSON] = orjson.loads(text)
    except (ValueError, RecursionError):  # YAML's reader says what is wrong
        return None
    _check_depth(document, limits.max_depth)
    return document


def parse_yaml(content: bytes, limits: DocumentLimits) -> list[JSON]:
    """The documents of a YAML file (JSON is YAML), read as Kubeflow's server reads them; empty ones left out.

    Raises:
        PackageTooLarge, PackageError: As `load_documents`.
    """
    if content.count(b"%TAG") > _MAX_TAG_DIRECTIVES:
        raise PackageError(f"the file has more than {_MAX_TAG_DIRECTIVES} %TAG directives")
    reader = _Reader(limits)
    try:
        for event in _events(content):
            reader.take(event)
    except yaml.MarkedYAMLError as exc:
        raise PackageError(f"the file is not valid YAML: {exc.problem or exc.context}{at(exc.problem_mark)}") from exc
    except yaml.YAMLError as exc:  # the reader's: a character YAML does not allow
        raise PackageError(f"the file is not valid YAML: {_reader_problem(exc, content)}") from exc
    if not reader.documents:
        raise PackageError("the file has no document: only comments or empty ones")
    return reader.documents


def _events(content: bytes) -> Iterator[Any]:
    loader = _EventLoader(content)
    try:
        while not isinstance(event := loader.get_event(), yaml.StreamEndEvent):
            yield event
    finally:
        loader.dispose()


@dataclass(slots=True)
class _Weight:
    """What has been read so far, with everything behind aliases counted again."""

    nodes: int = 0
    size: int = 0


@dataclass(slots=True)
class _Frame:
    """A list or an object that is being read; `key` waits for its value, `merged` for the object's end."""

    value: list[JSON] | dict[str, JSON]
    anchor: str | None
    before: _Weight
    key: Any = None
    merged: list[Any] = field(default_factory=list)


class _Reader:
    """Builds documents from events, on a stack of its own."""

    def __init__(self, limits: DocumentLimits) -> None:
        self.documents: list[JSON] = []
        self._limits = limits
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[JSON, _Weight] | None] = {}
        self._weight = _Weight()
        self._aliases = 0
        self._take: dict[type, Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._start_mapping,
            yaml.SequenceStartEvent: self._start_sequence,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._start_document,
            yaml.DocumentEndEvent: self._ignore,
            yaml.StreamStartEvent: self._ignore,
        }

    def take(self, event: Any) -> None:
        """Read on by one event.

        Raises:
            PackageTooLarge, PackageError: A limit is reached, or the event says what JSON cannot.
        """
        self._take[type(event)](event)

    def _ignore(self, event: Any) -> None:
        pass

    def _start_document(self, event: Any) -> None:
        if event.version not in (None, (1, 1)):
            major, minor = event.version
            # Go's parser takes 1.1 only, and Kubeflow 2.3.0 never comes back from a refusal by it.
            raise PackageError(f"Kubeflow does not read %YAML {major}.{minor}: leave that line out")
        self._anchors.clear()

    def _scalar(self, event: Any) -> None:
        self._count(1, len(event.value), event)
        frame = self._stack[-1] if self._stack else None
        if frame is not None and type(frame.value) is dict and frame.key is None and _is_merge(event):
            frame.key = _MERGE
            return
        value = resolve(event)
        if event.anchor:
            self._anchors[event.anchor] = (value, _Weight(1, len(event.value)))
        self._add(value, event)

    def _start_mapping(self, event: Any) -> None:
        self._open({}, event, "map")

    def _start_sequence(self, event: Any) -> None:
        self._open([], event, "seq")

    def _open(self, value: list[JSON] | dict[str, JSON], event: Any, tag: str) -> None:
        if event.tag not in (None, "!", TAG_PREFIX + tag):
            raise refused_tag(event)
        if len(self._stack) >= self._limits.max_depth:
            raise PackageError(f"the file is nested deeper than {self._limits.max_depth} levels{at(event.start_mark)}")
        before = _Weight(self._weight.nodes, self._weight.size)
        self._count(1, 0, event)
        if event.anchor:
            self._anchors[event.anchor] = None
        self._stack.append(_Frame(value, event.anchor, before))

    def _end(self, event: Any) -> None:
        frame = self._stack.pop()
        if type(frame.value) is dict:
            for mapping in frame.merged:
                for key, value in mapping.items():
                    frame.value.setdefault(key, value)
        if frame.anchor:
            nodes, size = self._weight.nodes - frame.before.nodes, self._weight.size - frame.before.size
            self._anchors[frame.anchor] = (frame.value, _Weight(nodes, size))
        self._add(frame.value, event)

    def _alias(self, event: Any) -> None:
        self._aliases += 1
        if self._aliases > self._limits.max_aliases:
            raise PackageError(f"the file uses more than {self._limits.max_aliases:,} aliases{at(event.start_mark)}")
        if event.anchor not in self._anchors:
            raise PackageError(f"the alias *{event.anchor} has no anchor{at(event.start_mark)}")
        anchored = self._anchors[event.anchor]
        if anchored is None:
            raise PackageError(f"the alias *{event.anchor} stands inside what it names{at(event.start_mark)}")
        value, weight = anchored
        self._count(weight.nodes, weight.size, event)
        self._add(value, event)

    def _count(self, nodes: int, size: int, event: Any) -> None:
        weight, limits = self._weight, self._limits
        weight.nodes += nodes
        weight.size += size
        if weight.nodes > limits.max_nodes:
            raise PackageTooLarge(f"the file holds more than {limits.max_nodes:,} values{at(event.start_mark)}")
        if weight.size > limits.max_expanded_bytes:
            raise PackageTooLarge(
                f"the file expands to more than {limits.max_expanded_bytes:,} bytes{at(event.start_mark)}"
            )

    def _add(self, value: JSON, event: Any) -> None:
        if not self._stack:
            self._add_document(value)
            return
        frame = self._stack[-1]
        if type(frame.value) is list:
            frame.value.append(value)
        elif type(frame.value) is dict:
            self._add_to_object(frame, frame.value, value, event)

    def _add_document(self, value: JSON) -> None:
        if value is None:
            return
        if len(self.documents) >= self._limits.max_documents:
            raise PackageError(f"the file holds more than {self._limits.max_documents} documents")
        self.documents.append(value)

    def _add_to_object(self, frame: _Frame, mapping: dict[str, JSON], value: JSON, event: Any) -> None:
        if frame.key is None:
            if type(value) is not str:
                raise PackageError(f"a key is {shown(value)} where a text is needed{at(event.start_mark)}")
            if value in mapping:
                raise PackageError(f"the key {shown(value)} is given twice{at(event.start_mark)}")
            frame.key = value
            return
        if frame.key is _MERGE:
            frame.merged.extend(_mergeable(value, event))
        else:
            mapping[frame.key] = value
        frame.key = None


def _is_merge(event: Any) -> bool:
    return bool(event.value == "<<" and not event.style and event.tag in (None, TAG_PREFIX + "merge"))


def _mergeable(value: JSON, event: Any) -> list[Any]:
    mappings = value if type(value) is list else [value]
    if not all(type(mapping) is dict for mapping in mappings):
        raise PackageError(f"only objects can be merged by <<{at(event.start_mark)}")
    return mappings


def _most_nodes(text: bytes) -> int:
    """An upper bound of the nodes of a JSON text, those marks in texts counted too."""
    return 1 + 2 * text.count(b":") + text.count(b",") + text.count(b"[") + text.count(b"{")


def _check_depth(document: JSON, max_depth: int) -> None:
    level: list[Any] = [document]
    for _ in range(max_depth):
        inner = (value.values() if type(value) is dict else value for value in level)
        level = [value for values in inner for value in values if type(value) in (dict, list)]
        if not level:
            return
    raise PackageError(f"the file is nested deeper than {max_depth} levels")


def _check_unique(pairs: list[tuple[str, JSON]]) -> None:
    if len(pairs) != len({key for key, _ in pairs}):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise PackageError(f"the key {shown(twice)} is given twice")


def _refuse_constant(name: str) -> NoReturn:
    raise PackageError(f"{name} is a number that JSON cannot hold")


def _reader_problem(exc: yaml.YAMLError, content: bytes) -> str:
    reason = str(getattr(exc, "reason", exc))
    position = getattr(exc, "position", None)
    return f"{reason} (line {_line_of(content, position)})" if isinstance(position, int) else reason


def _line_of(content: bytes, position: int) -> int:
    return content.count(b"\n", 0, position) + 1
