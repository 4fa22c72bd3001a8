"""Reading pages of lists."""

from collections.abc import Callable
from typing import TypeVar

import orjson

from kfadapter.client.calls import Answer, UnreadableAnswer, reader
from kfadapter.client.results import Page

T = TypeVar("T")


def page_reader(key: str, kind: type[T]) -> Callable[[Answer], Page[T]]:
    """Reads a page whose items are under `key`; what is returned raises UnreadableAnswer for another shape."""
    read_items = reader(tuple[kind, ...])  # type: ignore[valid-type]

    def read(answer: Answer) -> Page[T]:
        try:
            document = orjson.loads(answer.body)
            items = orjson.dumps(document[key])
        except (orjson.JSONDecodeError, KeyError, TypeError) as exc:
            raise UnreadableAnswer(f"the answer is no page of {key}") from exc
        return Page(
            items=read_items(Answer(status=answer.status, headers=answer.headers, body=items)),
            next_page_token=document.get("next_page_token"),
            total_size=document.get("total_size"),
        )

    return read
