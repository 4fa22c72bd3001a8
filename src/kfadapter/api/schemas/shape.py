"""What all shapes have in common: problems, pages, and the settings of the models."""

from datetime import datetime
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

JSONValue: TypeAlias = Any
Time: TypeAlias = Annotated[datetime | None, Field(description="RFC 3339 in UTC; null when Kubeflow does not say.")]
Tags: TypeAlias = Annotated[
    dict[str, str] | None, Field(description="null where this Kubeflow has no tags (before 2.17).")
]


class Shape(BaseModel):
    """The shape of an answer; nothing else may be in it, so that tests notice."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Gap(Shape):
    """A part of an answer that is missing, or known only in part."""

    what: str = Field(description="The part, as `tags`, `findings` or `failure.log_tail`.")
    reason: str = Field(description="Why, in a sentence.")


Unavailable: TypeAlias = Annotated[
    list[Gap], Field(description="What this Kubeflow does not tell or cannot do; empty when nothing is missing.")
]


class ProblemItem(Shape):
    """One of several things that are wrong."""

    pointer: str = Field(description="JSON pointer (RFC 6901) to what is wrong.")
    detail: str
    kind: str | None = Field(default=None, description="A word for programs, as `missing`.")


class Problem(Shape):
    """Problem details (RFC 9457), `application/problem+json`."""

    type: str = Field(examples=["urn:kfadapter:problem:not-found"])
    title: str
    status: int
    detail: str
    message: str = Field(description="The same as `detail`.")
    instance: str | None = None
    errors: list[ProblemItem] | None = None


class PageOf(Shape):
    """What every page has besides its items."""

    next_page_token: str | None = Field(description="Give it as `page_token` for the next page; null on the last.")
    total_size: int | None = Field(description="How many there are altogether, if Kubeflow says.")
