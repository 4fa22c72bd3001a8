"""Page tokens of the lists that KFP 2.17 has not: they hold the number of the last row shown."""

import base64
import binascii

import orjson

from kfadapter.engine.protocol.faults import ApiError, Code

LARGEST = 2**63 - 1


def cursor(number: int) -> str:
    """The token of the page after a row."""
    return base64.b64encode(orjson.dumps({"after": number})).decode()


def read_cursor(token: str) -> int | None:
    """The number of the last row shown; None without a token.

    Raises:
        ApiError: It is no token of such a list.
    """
    if not token:
        return None
    try:
        after = orjson.loads(base64.b64decode(token, validate=True))["after"]
        if isinstance(after, int) and not isinstance(after, bool) and 0 <= after <= LARGEST:
            return after
    except (binascii.Error, ValueError, KeyError, TypeError):
        pass
    raise ApiError(Code.INVALID_ARGUMENT, "InvalidInputError: Invalid page token", "Invalid page token")
