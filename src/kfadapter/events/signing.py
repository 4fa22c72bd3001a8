"""Secrets of subscriptions, and what receivers check with them: Standard Webhooks 1.0.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

from standardwebhooks import Webhook

from kfadapter.errors import SubscriptionRefused

PREFIX = "whsec_"
BYTES = 32
SMALLEST_BYTES = 24
LARGEST_BYTES = 64


def new_secret() -> str:
    """A secret that nobody has had before."""
    return PREFIX + base64.b64encode(secrets.token_bytes(BYTES)).decode()


def check_secret(secret: str) -> None:
    """Refuse a secret that the specification does not allow.

    Raises:
        SubscriptionRefused: It is not `whsec_` and 24 to 64 bytes in base64. The message does not repeat it.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not SMALLEST_BYTES <= len(key) <= LARGEST_BYTES:
        raise SubscriptionRefused(
            "secret", f"must be {PREFIX} followed by {SMALLEST_BYTES} to {LARGEST_BYTES} bytes in base64"
        )


def signed_headers(keys: Sequence[str], message_id: str, at: datetime, body: bytes) -> Mapping[str, str]:
    """The headers by which a receiver knows who has sent a body, and when.

    Args:
        keys: Every secret that is valid now: after a rotation a receiver may still have the old one.
    """
    text = body.decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(key).sign(message_id, at, text) for key in keys),
    }
