"""Pages on request. Some of upstream's answers are maps with no room for a token, so it travels in a header."""

from typing import Any

from kfadapter.kubeflow.resources import Page

NEXT_PAGE_HEADER = "X-Next-Page-Token"


def page_headers(page: Page[Any]) -> dict[str, str]:
    """The header that names the next page; none on the last one."""
    return {NEXT_PAGE_HEADER: page.next_page_token} if page.next_page_token else {}
