"""Things found by the names people give them."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from kfadapter.errors import NameAmbiguous, NameNotFound

# Longer than any name column of KFP's, and than what fits into a request line.
LONGEST_NAME_BYTES = 1024


class Named(Protocol):
    """A thing with a unique name and a name for people."""

    @property
    def name(self) -> str: ...

    @property
    def display_name(self) -> str: ...


N = TypeVar("N", bound=Named)


def check_name(kind: str, name: str) -> None:
    """Refuse names that nothing can have, before Kubeflow is asked.

    Raises:
        NameNotFound: The name is empty, too long, or not text.
    """
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        size = 0
    if not 0 < size <= LONGEST_NAME_BYTES:
        raise NameNotFound(kind, name if len(name) <= LONGEST_NAME_BYTES else name[:80] + "…")


def shown_as(kind: str, name: str, found: Sequence[N], id_of: Callable[[N], str]) -> N | None:
    """The one thing among these that is shown under exactly this name; None when there is none.

    Of several, the one whose unique name it is as well is meant.

    Raises:
        NameAmbiguous: Several are shown so; says which.
    """
    shown = [one for one in found if one.display_name == name]
    if len(shown) < 2:
        return shown[0] if shown else None
    own = [one for one in shown if one.name == name]
    if len(own) == 1:
        return own[0]
    raise NameAmbiguous(kind, name, [id_of(one) for one in shown])
