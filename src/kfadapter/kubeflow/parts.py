"""A part of something that the front door streams, as HTTP's ranges name it (RFC 9110)."""

PARTIAL = 206
RANGE_NOT_SATISFIABLE = 416


class Part:
    """What is wanted of a stream, and what came. Servers that know no ranges send everything.

    Attributes:
        byte_range: The header `Range`, as `bytes=100-`; empty: everything.
        content_range: What came, as `bytes 100-199/200`; empty: everything.
        is_beyond: The range begins at or beyond the end, and `content_range` tells where that is.
    """

    def __init__(self, byte_range: str = "") -> None:
        self.byte_range = byte_range
        self.content_range = ""
        self.is_beyond = False

    def take(self, status: int, content_range: str) -> None:
        """Note what the server says."""
        self.is_beyond = status == RANGE_NOT_SATISFIABLE
        self.content_range = content_range if self.is_beyond or status == PARTIAL else ""
