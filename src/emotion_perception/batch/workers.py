"""What the two kinds of workers have in common: processes of this machine, and those of Ray."""

from dataclasses import dataclass
from typing import Protocol

from emotion_perception.batch.job import Task
from emotion_perception.batch.record import Record


@dataclass(frozen=True, slots=True)
class Finished:
    """One piece of work that has ended.

    Attributes:
        task: The piece of work.
        record: Its result; None when the process that did it has died.
        cause: How it died.
    """

    task: Task
    record: Record | None
    cause: str = ''


class Workers(Protocol):
    """Processes that work on one source each. A context manager; its end ends them at once."""

    @property
    def capacity(self) -> int:
        """Pieces of work that may be under way at the same time, >= 1."""

    @property
    def frames(self) -> int:
        """Frames answered so far, for progress; 0 when that is not known meanwhile."""

    def start(self, task: Task) -> None:
        """Starts a piece of work; no more than `capacity` may be under way."""

    def wait(self) -> list[Finished]:
        """Waits until something happens; the list may be empty when it was progress only."""
