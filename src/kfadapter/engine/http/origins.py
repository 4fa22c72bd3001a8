"""Requests that a browser sends on behalf of some other website.

The engine knows no passwords and runs code: without this, any page that its user happens to look at could start runs
here, since a browser sends simple POST requests anywhere without asking.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FOREIGN = "a browser sent this on behalf of another website"


def is_foreign(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a request that may change something comes from a page of another origin.

    Browsers say so themselves (`Sec-Fetch-Site`); those that do not name at least the page's origin. Programs send
    neither header. What other pages read is kept from them by the browser, as no CORS header allows it.
    """
    if method in SAFE_METHODS:
        return False
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "cross-site"
    origin = headers.get("origin")
    return origin is not None and _host(origin) != headers.get("host")


def _host(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None
