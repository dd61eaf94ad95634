"""Works on all sources: each until it has a result, some of them a second time."""

from collections import Counter, deque
from collections.abc import Callable, Sequence

from emotion_perception.batch.job import Task
from emotion_perception.batch.processes import Finished, Workers
from emotion_perception.batch.record import Record, Status, without_result


def run_tasks(
    tasks: Sequence[Task],
    workers: Workers,
    retries: int,
    on_record: Callable[[Record], None],
    on_wait: Callable[[], None] = lambda: None,
) -> None:
    """Works on every task; one whose process dies is tried again behind all others.

    Args:
        tasks: The work.
        workers: Who does it.
        retries: How often a task is tried again after its process has died, >= 0.
        on_record: Called with the result of every task, exactly once each.
        on_wait: Called whenever something has happened, for progress.

    Raises:
        EmotionPerceptionError: The workers as a whole have been lost.
    """
    waiting, busy = deque(tasks), 0
    deaths: Counter[str] = Counter()
    while waiting or busy:
        while waiting and busy < workers.capacity:
            workers.start(waiting.popleft())
            busy += 1
        for finished in workers.wait():
            busy -= 1
            if finished.record is not None:
                on_record(finished.record)
                continue
            deaths[finished.task.folder] += 1
            if deaths[finished.task.folder] <= retries:
                waiting.append(finished.task)
            else:
                on_record(_lost(finished, deaths[finished.task.folder]))
        on_wait()


def _lost(finished: Finished, deaths: int) -> Record:
    times = 'once' if deaths == 1 else f'{deaths} times'
    return without_result(
        finished.task,
        Status.FAILED,
        f'{finished.task.source}: the process that worked on it died {times} ({finished.cause}): '
        'try it alone with `emotion video`, or with fewer --jobs where memory is short.',
    )
