"""Trouble by plan: a fake Kubeflow and a fake Training Manager that misbehave at random moments, from one seed.

What it does to the create call of a run happens before the call takes effect or after it; what it does to a
notification happens before: one that took effect and was not answered is told again, rightly, and could not be told
apart from one that is told again for no reason.
"""

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from kfadapter.testing.faults import Fault, FaultScript

CREATE = r"/runs$"
PAUSE_SECONDS = (0.02, 0.15)


class Misbehaves(Protocol):
    """A fake server whose requests can be let fail."""

    @property
    def faults(self) -> FaultScript: ...


@dataclass(frozen=True, kw_only=True)
class Trick:
    """One thing that goes wrong once.

    Attributes:
        after: The call has taken effect when its answer fails.
    """

    server: Misbehaves
    fault: Fault
    method: str
    path: str = ""
    after: bool = False

    def play(self) -> None:
        """Let the next such request fail."""
        script = self.server.faults
        script.add(self.fault, method=self.method, path=self.path, times=1, after=self.after)


def kubeflow_tricks(kubeflow: Misbehaves) -> list[Trick]:
    """What proxies, restarts and overload do to calls to Kubeflow."""
    away = [Fault.status(503), Fault.status(502), Fault.status(429), Fault.html(200), Fault.html(503)]
    broken = [Fault.reset(), Fault.close(), Fault.cut(), Fault.delay(0.4)]
    reads = [Trick(server=kubeflow, fault=fault, method="GET") for fault in (*away, *broken)]
    lost = [Fault.reset(), Fault.close(), Fault.cut(), Fault.html(200), Fault.status(504), Fault.delay(0.4)]
    creates = [Trick(server=kubeflow, fault=fault, method="POST", path=CREATE, after=True) for fault in lost]
    unheard = [Trick(server=kubeflow, fault=Fault.status(503), method="POST", path=CREATE)]
    return reads + creates + unheard


def training_manager_tricks(training_manager: Misbehaves) -> list[Trick]:
    """What happens to notifications before they are understood."""
    faults = [Fault.status(503), Fault.status(502), Fault.status(429), Fault.reset(), Fault.close(), Fault.delay(0.4)]
    return [Trick(server=training_manager, fault=fault, method="POST") for fault in faults]


class Mischief:
    """Plays tricks from a thread until the block ends; then all is well again.

    Args:
        tricks: What may happen.
        seed: The same seed, the same tricks in the same order; when each meets a request is chance.
    """

    def __init__(self, tricks: Sequence[Trick], seed: int) -> None:
        self._tricks = list(tricks)
        self._chance = random.Random(seed)  # noqa: S311 - a test's course, not a secret
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._play, name="mischief", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """No more tricks, and those not met yet are off."""
        self._is_over.set()
        self._thread.join()
        self._each(FaultScript.clear)

    def _play(self) -> None:
        while not self._is_over.wait(self._chance.uniform(*PAUSE_SECONDS)):
            trick = self._chance.choice(self._tricks)
            trick.server.faults.clear()  # one that met no request is over
            trick.play()

    def _each(self, act: Callable[[FaultScript], None]) -> None:
        for trick in self._tricks:
            act(trick.server.faults)
