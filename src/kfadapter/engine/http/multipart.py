"""The file in a multipart form, as Go's `FormFile` finds it."""

from dataclasses import dataclass, field
from email.message import Message

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from kfadapter.errors import EngineError

MAX_PARTS = 100
MAX_HEADERS = 32


class NoFile(EngineError):
    """The form cannot be read, or has no file of that name."""


@dataclass(frozen=True, kw_only=True)
class FormFile:
    """An uploaded file: the name as sent, and its bytes."""

    name: str
    content: bytes


def read_file(body: bytes, content_type: str, field_name: str) -> FormFile:
    """The first file with that field name; a part without a file name is no file.

    Raises:
        NoFile: There is none, or the form is broken.
    """
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise NoFile("request Content-Type isn't multipart/form-data")
    form = _Form()
    try:
        parser = MultipartParser(boundary, form.callbacks())  # type: ignore[arg-type]
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError) as exc:
        raise NoFile(f"multipart: {exc}") from exc
    if not form.is_complete:
        raise NoFile("multipart: NextPart: EOF")
    for part in form.parts:
        if part.field == field_name and part.file_name:
            return FormFile(name=part.file_name, content=bytes(part.content))
    raise NoFile("http: no such file")


@dataclass(kw_only=True)
class _Part:
    """A part while it is read."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    content: bytearray = field(default_factory=bytearray)
    field: str = ""
    file_name: str = ""

    def describe(self) -> None:
        """Take the names from the headers; parameters are read as MIME reads them (RFC 2231 too)."""
        header = Message()
        header["content-disposition"] = self.headers.get(b"content-disposition", b"").decode("utf-8", "replace")
        self.field = _text(header.get_param("name", "", "content-disposition"))
        # A path in the name is cut off, as Go does.
        self.file_name = _text(header.get_param("filename", "", "content-disposition")).rsplit("/", 1)[-1]


class _Form:
    """Collects the parts of a form."""

    def __init__(self) -> None:
        self.parts: list[_Part] = []
        self.is_complete = False
        self._name = bytearray()
        self._value = bytearray()

    def callbacks(self) -> dict[str, object]:
        """What the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": lambda: self.parts[-1].describe(),
            "on_part_data": lambda data, start, end: self.parts[-1].content.extend(data[start:end]),
            "on_end": self._end,
        }

    def _begin(self) -> None:
        if len(self.parts) >= MAX_PARTS:
            raise ValueError("too many parts")
        self.parts.append(_Part())

    def _end_header(self) -> None:
        headers = self.parts[-1].headers
        if len(headers) >= MAX_HEADERS:
            raise ValueError("too many headers")
        headers[bytes(self._name).lower()] = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def _end(self) -> None:
        self.is_complete = True


def _text(value: object) -> str:
    """A parameter, decoded when it came with a character set."""
    if isinstance(value, tuple):
        charset, _, text = value
        return str(text).encode("latin-1", "replace").decode(charset or "utf-8", "replace")
    return str(value)
