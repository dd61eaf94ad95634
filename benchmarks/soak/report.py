"""The soak in tables, and its verdict."""

from collections.abc import Sequence

from benchmarks.schema import Bar, Cell, Findings, Table
from benchmarks.soak.accounting import FrameAccount, Recording, account_frames
from benchmarks.soak.monitoring import ProcessUsage, process_usage
from benchmarks.soak.runner import Observations
from benchmarks.soak.schedule import Fault

_ASKED_RATE = 30.0
# On a busy machine a node loads its models, and sees its first faces, for a long while: nothing is
# said of a life that was watched for less than this after its warm-up.
_JUDGED_S = 45.0


def findings(found: Observations, memory_mb: float, handles: int) -> Findings:
    """Tables and verdicts.

    Args:
        found: What the soak saw.
        memory_mb: MB that a process may grow by.
        handles: File handles and threads that a process may grow by.
    """
    counts = account_frames(found.recording, found.bad_sent)
    lives = [process_usage(watched.name, watched.samples) for watched in found.processes]
    processes = [life for life in lives if life is not None]
    return Findings(
        (
            _load_table(found.recording, counts),
            _frames_table(counts),
            _faults_table(found, counts),
            _processes_table(processes),
        ),
        (*_frame_bars(found, counts), *_growth_bars(processes, memory_mb, handles)),
    )


def _load_table(recording: Recording, counts: FrameAccount) -> Table:
    stamps = sorted(recording.frames)
    seconds = (stamps[-1] - stamps[0]) / 1e9 if len(stamps) > 1 else 0.0
    amounts = {
        'camera frames': counts.frames,
        'results': counts.answered,
        'images of the overlay': counts.overlay_images,
    }
    return Table(
        'Load held, 640x480',
        ('what', 'asked for (1/s)', 'held (1/s)'),
        tuple(
            (name, _ASKED_RATE, amount / seconds if seconds else None)
            for name, amount in amounts.items()
        ),
        'Results and images over the whole time, the pauses after the kills included.',
    )


def _frames_table(counts: FrameAccount) -> Table:
    fates = {
        'frames from the camera, from the first result to the last': counts.frames,
        'answered': counts.answered,
        'dropped by the queue for a newer one, as the node reported': counts.dropped,
        'not answered while two cameras shared the topic and the node could not count': (
            counts.unchecked
        ),
        'lost while the emotion node was dead or starting': counts.lost,
        'unexplained': counts.unexplained,
        'messages that the recorder itself missed (counted above)': counts.unrecorded,
    }
    rows: list[tuple[Cell, ...]] = [
        (name, number, 100 * number / max(counts.frames, 1)) for name, number in fates.items()
    ]
    return Table('Frames in and out', ('what', 'frames', 'share (%)'), tuple(rows))


def _faults_table(found: Observations, counts: FrameAccount) -> Table:
    changes, sessions = found.changes, found.sessions
    details = {
        Fault.KILL: f'{len(counts.lives)} lives with results',
        Fault.BAD_FRAMES: f'{counts.bad_sent} sent, {counts.bad} left out by the node, '
        'the others dropped by the queue',
        Fault.PARAMETERS: f'{changes["right"]} changes answered rightly, {changes["wrong"]} '
        f'wrongly, {changes["unanswered"]} not at all; {changes["asked_again"]} asked twice',
        Fault.SLOW_SUBSCRIBER: 'reliable, of images and results',
        Fault.CLOSED_TERMINAL: f'{sessions["left_running"]} processes left running',
        Fault.FROZEN_CAMERA: f'{sessions["told"] + sessions["untold"]} frames without a result, '
        f'{sessions["told"]} of them told',
    }
    return Table(
        'Faults made',
        ('fault', 'times', 'detail'),
        tuple((fault.value, found.faults[fault], details[fault]) for fault in Fault),
    )


def _processes_table(processes: Sequence[ProcessUsage]) -> Table:
    columns = ('process', 'seconds', 'RSS (MB)', 'RSS at end', 'PSS (MB)', 'PSS at end',
               'own (MB)', 'own at end', 'handles', 'at end', 'threads', 'at end',
               'CPU cores')  # fmt: skip
    rows: list[tuple[Cell, ...]] = [
        (
            life.name,
            round(life.seconds),
            *(life.start.resident, life.end.resident),
            *(life.start.proportional, life.end.proportional),
            *(life.start.own, life.end.own),
            *(round(life.start.handles), round(life.end.handles)),
            *(round(life.start.threads), round(life.end.threads)),
            life.cores,
        )
        for life in processes
    ]
    return Table(
        'Processes after their warm-up and at their end',
        columns,
        tuple(rows),
        'The emotion node has a line for every life. The verdicts leave out lives of less than '
        f'{_JUDGED_S:.0f} s here: they have hardly warmed up. RSS and PSS also grow, up to 64 MiB, '
        'while a process meets the shared memory of the camera; its own memory must not.',
    )


def _frame_bars(found: Observations, counts: FrameAccount) -> tuple[Bar, ...]:
    lost_alive = 0 if found.faults[Fault.KILL] else counts.lost
    lives = 1 + found.faults[Fault.KILL]
    return (
        Bar('Frames whose fate nobody knows', counts.unexplained, 0),
        Bar('Frames lost though nobody killed the node', lost_alive, 0),
        Bar('Frames answered twice', counts.repeated, 0),
        Bar('Results out of order', counts.unordered, 0),
        Bar('Results for images that were never sent', counts.unknown, 0),
        Bar('Images of frames without a result, or drawn twice', counts.strange_overlay_images, 0),
        Bar('Lives of the emotion node with results', len(counts.lives), lives, at_least=True),
        Bar('Parameter changes answered wrongly or not at all', _wrong_changes(found), 0),
        Bar('Processes that outlived their terminal', found.sessions['left_running'], 0),
        Bar('Frames of a frozen camera lost in silence', found.sessions['untold'], 0),
        Bar(
            'Failures that nobody made',
            len(found.failures),
            0,
            detail=' '.join(found.failures),
        ),
    )


def _wrong_changes(found: Observations) -> int:
    return found.changes['wrong'] + found.changes['unanswered']


def _growth_bars(processes: Sequence[ProcessUsage], memory_mb: float, handles: int) -> list[Bar]:
    bars = []
    judged = [life for life in processes if life.seconds >= _JUDGED_S]
    for name in dict.fromkeys(life.name for life in judged):
        lives = [life for life in judged if life.name == name]
        memory = max(life.end.own - life.start.own for life in lives)
        opened = max(life.end.handles - life.start.handles for life in lives)
        started = max(life.end.threads - life.start.threads for life in lives)
        bars += [
            Bar(f'{name}: growth of its own memory', memory, memory_mb, 'MB'),
            Bar(f'{name}: file handles more than at its start', opened, handles),
            Bar(f'{name}: threads more than at its start', started, handles),
        ]
    return bars
