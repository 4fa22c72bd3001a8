"""Every error this package raises on purpose. No HTTP in here: `api.problems` and `engine` map them to answers.

KFAdapterError
├── SettingsError                 a setting has a value that cannot be used
├── PackageError                  an uploaded pipeline package is not one that can be run
│   └── PackageTooLarge           … because of its size, as sent or unpacked
├── ArgumentsError                arguments do not fit the inputs a pipeline declares; names every one
├── NameNotFound                  a person's name for a thing leads nowhere
│   └── NameAmbiguous             … because it leads to several; names their ids
├── BadPageToken                  a page token that this service did not make
├── QueryRefused                  a parameter of a list, or a part of a request, that cannot be used; names it
│   └── FilterRefused             … because it is a filter, of a list or of events, that cannot be followed
├── StartUnderWay                 the start that an Idempotency-Key belongs to is still under way
├── Unavailable                   the Kubeflow in use cannot do what was asked; says since when KFP can
├── KubeflowError                 Kubeflow answered with an error, or did not answer
│   ├── KubeflowNotFound
│   ├── KubeflowConflict
│   ├── KubeflowInvalid           Kubeflow refused what it was sent
│   ├── KubeflowForbidden         the caller is not known or not allowed
│   ├── KubeflowUnavailable       no connection, or 429, 502, 503, 504
│   ├── KubeflowTimeout           no answer in time; a write may or may not have happened
│   ├── KubeflowInterrupted       the connection ended before the answer did; a write may have happened
│   └── KubeflowMalformed         an answer that is not KFP's: HTML, cut JSON, missing fields
├── DatabaseError
│   ├── LeaseLost                 a write-back by someone who no longer holds the claim
│   └── TransitionRefused         a state change that the transition table does not allow
├── EventsForgotten               events are asked for that are not kept any more
├── SubscriptionRefused           a subscription cannot be as it is asked for; names the field
│   └── AddressRefused            … because its receiver is where this service must not call
├── SubscriptionNotFound          there is no such subscription or delivery
├── SubscriptionChanged           somebody else has changed a subscription meanwhile
├── LaunchFailed                  the intention to start a run was closed without a run
├── IdempotencyKeyReused          a key that came with another request before
├── NotRedeliverable              a notification that must not, or need not, be sent once more
└── EngineError                   the embedded engine
    └── EnvironmentFailed         a task's Python environment could not be built
"""

from collections.abc import Sequence
from dataclasses import dataclass

SHOWN_IDS = 5


class KFAdapterError(Exception):
    """Base of all errors of this package; `str()` is a sentence for a person."""


class SettingsError(KFAdapterError):
    """A setting cannot be used.

    Attributes:
        variable: The environment variable's name.
        reason: What is wrong with its value.
    """

    def __init__(self, variable: str, reason: str) -> None:
        super().__init__(f"{variable}: {reason}")
        self.variable = variable
        self.reason = reason


class PackageError(KFAdapterError):
    """A pipeline package is refused.

    Attributes:
        reason: One sentence a person understands.
        path: Where in the document, as `root.dag.tasks.train`; empty when it is the file as a whole.
    """

    def __init__(self, reason: str, *, path: str = "") -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.reason = reason
        self.path = path


class PackageTooLarge(PackageError):
    """A package exceeds a limit of size, as sent or unpacked."""


@dataclass(frozen=True, kw_only=True)
class ArgumentProblem:
    """One argument that does not fit.

    Attributes:
        name: The input's or argument's name.
        kind: `missing`, `unfit` (wrong type or value) or `ambiguous`.
        message: A sentence that names the input, what it wants and what it got.
    """

    name: str
    kind: str
    message: str


class ArgumentsError(KFAdapterError):
    """Arguments do not fit the declared inputs.

    Attributes:
        problems: Every problem found, in the order of the inputs.
    """

    def __init__(self, problems: Sequence[ArgumentProblem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = tuple(problems)


class NameNotFound(KFAdapterError):
    """A name does not lead to one thing.

    Attributes:
        kind: What was looked for: `pipeline`, `pipeline version`, `experiment`.
        name: The name as given.
        matches: How many things have that name (0, or 2 and more).
    """

    def __init__(self, kind: str, name: str, *, sentence: str = "", matches: int = 0) -> None:
        super().__init__(sentence or f"No {kind} is found with name {name}")
        self.kind = kind
        self.name = name
        self.matches = matches


class NameAmbiguous(NameNotFound):
    """A name leads to more than one thing.

    Attributes:
        ids: Those that have that name.
    """

    def __init__(self, kind: str, name: str, ids: Sequence[str]) -> None:
        shown = ", ".join(ids[:SHOWN_IDS]) + (", …" if len(ids) > SHOWN_IDS else "")
        sentence = f"{len(ids)} {kind}s are found with name {name}; give the id of the one that is meant: {shown}"
        super().__init__(kind, name, sentence=sentence, matches=len(ids))
        self.ids = tuple(ids)


class BadPageToken(KFAdapterError):
    """A page token is not one that an earlier page came with.

    Attributes:
        token: The token as given.
    """

    def __init__(self, token: str) -> None:
        super().__init__(
            "The page token is not one that an earlier page of this list, filtered and sorted so, came with"
        )
        self.token = token


class QueryRefused(KFAdapterError):
    """A part of a request cannot be used.

    Attributes:
        where: `query/` or `header/` and the parameter's name, as `query/sort_by`; else the path into the body, as
            `schedule/cron`.
        reason: What is wrong with it.
    """

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")
        self.where = where
        self.reason = reason


class FilterRefused(QueryRefused):
    """A filter cannot be followed: it is not in KFP's predicate language, or asks for what no run or event has."""


class StartUnderWay(KFAdapterError):
    """The start that an `Idempotency-Key` belongs to has not come to an end yet.

    Attributes:
        key: The key.
        run_id: The run that is being started.
    """

    def __init__(self, key: str, run_id: str) -> None:
        super().__init__(f"The Idempotency-Key {key} belongs to a start that is still under way (run {run_id})")
        self.key = key
        self.run_id = run_id


class Unavailable(KFAdapterError):
    """The Kubeflow in use has no such feature.

    Attributes:
        feature: What was asked for, as `GET /v1/server` names it.
    """

    def __init__(self, feature: str, sentence: str) -> None:
        super().__init__(sentence)
        self.feature = feature


class KubeflowError(KFAdapterError):
    """Kubeflow answered with an error, or not at all.

    Attributes:
        reason: Kubeflow's own words, without stack traces, or what happened on the way.
        status: The HTTP status it answered with; None when it did not answer.
    """

    def __init__(self, reason: str, *, status: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


class KubeflowNotFound(KubeflowError):
    """Kubeflow does not know the thing."""


class KubeflowConflict(KubeflowError):
    """Kubeflow has such a thing already, or the thing is in a state that forbids the call."""


class KubeflowInvalid(KubeflowError):
    """Kubeflow refused the request as wrong."""


class KubeflowForbidden(KubeflowError):
    """Kubeflow does not know the caller (401) or does not allow the call (403)."""


class KubeflowUnavailable(KubeflowError):
    """There is no Kubeflow to talk to for now: no connection, 429, 502, 503 or 504.

    Attributes:
        never_arrived: True when the request surely did not reach Kubeflow (refused, name unknown).
    """

    def __init__(self, reason: str, *, status: int | None = None, never_arrived: bool = False) -> None:
        super().__init__(reason, status=status)
        self.never_arrived = never_arrived


class KubeflowTimeout(KubeflowError):
    """No answer in time. Whether a write happened is not known."""


class KubeflowInterrupted(KubeflowError):
    """The connection broke after the request was sent. Whether a write happened is not known."""


class KubeflowMalformed(KubeflowError):
    """What came back is not an answer of Kubeflow Pipelines: a login page, cut JSON, missing fields."""


class DatabaseError(KFAdapterError):
    """The ledger refused an operation."""


class LeaseLost(DatabaseError):
    """Someone wrote back about a row that another has claimed since."""

    def __init__(self, what: str, key: str, claimant: str) -> None:
        super().__init__(f"{what} {key} is no longer claimed by {claimant}")
        self.what = what
        self.key = key
        self.claimant = claimant


class TransitionRefused(DatabaseError):
    """A state change that the transition table does not hold."""

    def __init__(self, key: str, current: str, wanted: str) -> None:
        super().__init__(f"{key} is {current} and cannot become {wanted}")
        self.key = key
        self.current = current
        self.wanted = wanted


class EventsForgotten(KFAdapterError):
    """Events are asked for from a place that is not kept any more, or that there has never been.

    Attributes:
        after: The position asked for.
        oldest: The first position that is kept.
        latest: The newest position.
    """

    def __init__(self, after: int, oldest: int, latest: int) -> None:
        super().__init__(f"events after position {after} are not kept; kept are those from {oldest} to {latest}")
        self.after = after
        self.oldest = oldest
        self.latest = latest


class SubscriptionRefused(KFAdapterError):
    """A subscription cannot be as it is asked for.

    Attributes:
        field: The field that is wrong, `url` for example.
        reason: What is wrong with it.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class AddressRefused(SubscriptionRefused):
    """A receiver is at an address that this service must not call."""


class SubscriptionNotFound(KFAdapterError):
    """There is no such subscription, or none of its deliveries has this number.

    Attributes:
        kind: `subscription` or `delivery`.
        key: Its id, as asked for.
    """

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(f"There is no {kind} {key}")
        self.kind = kind
        self.key = key


class SubscriptionChanged(KFAdapterError):
    """A change was asked for on the condition that a subscription is as it was, which it is not.

    Attributes:
        subscription_id: The subscription.
        revision: Its revision now.
    """

    def __init__(self, subscription_id: str, revision: int) -> None:
        super().__init__(f"Subscription {subscription_id} has been changed meanwhile; its revision is {revision}")
        self.subscription_id = subscription_id
        self.revision = revision


class LaunchFailed(KFAdapterError):
    """The intention to start a run was closed without one.

    Attributes:
        run_id: The id that was chosen for the run.
        reason: Why there is no run.
    """

    def __init__(self, run_id: str, reason: str) -> None:
        super().__init__(reason)
        self.run_id = run_id
        self.reason = reason


class IdempotencyKeyReused(KFAdapterError):
    """An `Idempotency-Key` came with another request before.

    Attributes:
        key: As the caller sent it.
        run_id: The run that the first request led to.
    """

    def __init__(self, key: str, run_id: str) -> None:
        super().__init__(f"the Idempotency-Key {key} came with another request before; that one led to run {run_id}")
        self.key = key
        self.run_id = run_id


class NotRedeliverable(KFAdapterError):
    """A notification that is not to be sent once more.

    Attributes:
        job_id: The training job.
        sequence: The notification's number in its job.
        reason: Why not.
    """

    def __init__(self, job_id: str, sequence: int, reason: str) -> None:
        super().__init__(f"notification {sequence} of training job {job_id} is not sent again: {reason}")
        self.job_id = job_id
        self.sequence = sequence
        self.reason = reason


class EngineError(KFAdapterError):
    """Base of the embedded engine's errors."""


class EnvironmentFailed(EngineError):
    """A task's Python environment could not be built.

    Attributes:
        requirements: What was asked for.
        output: The installer's last lines.
    """

    def __init__(self, requirements: Sequence[str], output: str) -> None:
        super().__init__(f"cannot install {' '.join(requirements)}: {output}")
        self.requirements = tuple(requirements)
        self.output = output
