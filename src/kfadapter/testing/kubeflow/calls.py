"""What the calls of a fake Kubeflow have in common: the request, the JSON in it and the JSON that goes back."""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from kfadapter.testing.kubeflow.lists import Query, Table, read_page
from kfadapter.testing.kubeflow.wire import KFPError, Reply, Wire, json_reply
from kfadapter.testing.kubeflow.world import World

Row = TypeVar("Row")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as the calls see it.

    Attributes:
        path: As sent, percent-encoded.
        upload: File name and content of the multipart field `uploadfile`; None when there is none.
        ids: What the route's pattern captured, decoded.
    """

    method: str
    path: str
    query: Mapping[str, list[str]]
    body: bytes
    upload: tuple[str, bytes] | None = None
    ids: tuple[str, ...] = field(default=())

    def one(self, name: str) -> str:
        """A query parameter; its camelCase spelling means the same."""
        camel = re.sub(r"_(\w)", lambda found: found[1].upper(), name)
        values = self.query.get(name) or self.query.get(camel) or [""]
        return values[0]


Handler = Callable[[Asked], Reply]
Routes = list[tuple[str, str, Handler]]


class Calls(ABC):
    """The calls on one kind of thing; run with the world's lock held."""

    def __init__(self, world: World, wire: Wire) -> None:
        self.world = world
        self.wire = wire

    @abstractmethod
    def routes(self) -> Routes:
        """Method (`*`: any), pattern of the path below the API's root, and handler."""

    def json(self, document: object) -> Reply:
        """An answer."""
        return json_reply(document, self.wire)

    def body(self, asked: Asked, fields: frozenset[str]) -> dict[str, Any]:
        """The JSON body; 2.17 refuses fields it does not know, 2.3.0 ignores them."""
        try:
            document = json.loads(asked.body or b"{}")
        except ValueError as exc:
            raise KFPError(3, f"invalid character or end of input: {exc}") from exc
        if document is None and self.wire.is_old:
            document = {}
        if not isinstance(document, dict):
            raise KFPError(3, f"proto: syntax error (line 1:1): unexpected token {str(document)[:1]}")
        body = {re.sub(r"([A-Z])", lambda found: "_" + found[1].lower(), key): document[key] for key in document}
        unknown = sorted(set(body) - fields)
        if unknown and not self.wire.is_old:
            raise KFPError(3, f'proto: (line 1:2): unknown field "{unknown[0]}"')
        return {key: value for key, value in body.items() if value is not None}

    def page(
        self, asked: Asked, table: Table[Row], rows: list[Row], key: str, write: Callable[[Row, Wire], dict[str, Any]]
    ) -> Reply:
        """One page of rows under a key."""
        size = asked.one("page_size")
        if size and not re.fullmatch(r"-?\d+", size):
            raise KFPError(3, f'parsing field "page_size": strconv.ParseInt: parsing "{size}": invalid syntax')
        query = Query(
            page_token=asked.one("page_token"),
            page_size=int(size or 0),
            sort_by=asked.one("sort_by"),
            filter=asked.one("filter"),
        )
        shown, token, total = read_page(table, rows, query)
        document = {key: [write(row, self.wire) for row in shown], "total_size": total, "next_page_token": token}
        return self.json({name: value for name, value in document.items() if value})
