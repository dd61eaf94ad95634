"""`emotion batch`: thousands of recordings, on all cores or on many machines."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tqdm import tqdm

from emotion_perception.batch.cluster import LOCAL, RayWorkers, check_address
from emotion_perception.batch.discovery import find_sources
from emotion_perception.batch.job import (
    PRODUCTS,
    Job,
    Record,
    Status,
    Task,
    finished_record,
    make_task,
    without_result,
)
from emotion_perception.batch.processes import LocalWorkers
from emotion_perception.batch.run import output_folder, run_tasks
from emotion_perception.batch.summary import BatchSummary
from emotion_perception.batch.work import networks_of
from emotion_perception.cli.options import (
    add_bag_options,
    add_pipeline_options,
    annotate_options_from,
    providers_from,
    settings_from,
)
from emotion_perception.errors import SourceError
from emotion_perception.files.resources import default_model_path
from emotion_perception.inference.manifest import manifest_path_for, read_manifest
from emotion_perception.outputs.run import note, say
from emotion_perception.settings.setting import Setting, add_settings

DESCRIPTION = """\
Reads the emotions in many videos and rosbags, on all cores of this machine or on a Ray cluster.
Every source gets a folder in DIR: JSON lines and an annotated video, or for a bag JSON lines and an
annotated copy, as `emotion video` and `emotion annotate-bag` make them. DIR/summary.json and
DIR/summary.csv have the frames, faces, seconds of each emotion and errors of every source."""

EPILOG = """\
examples:
  emotion batch recordings/ --out results/
  emotion batch 'day*/*.mp4' night_bag/ --out results/ --make json --jobs 8
  emotion batch recordings/ --out results/ --ray
  emotion batch /nfs/recordings --out /nfs/results --ray head-node:6379

Call it again after Ctrl-C, a crash or with more sources: what is finished and has not changed is
skipped. A source that cannot be read does not stop the others; the exit code is 1 at the end.
"""

_WORKERS: Final = (
    Setting('jobs', 0, 'sources at the same time; 0 is one per core', 0, 4096),
    Setting('retries', 1, 'how often a source is tried again whose process died', 0, 100),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `emotion batch`."""
    parser.add_argument(
        'sources',
        nargs='+',
        metavar='SRC',
        help='video, rosbag, folder (searched to the bottom), or glob pattern',
    )
    parser.add_argument(
        '--out', type=Path, required=True, metavar='DIR', help='folder of the results'
    )
    parser.add_argument(
        '--make',
        type=_products,
        default=PRODUCTS,
        metavar='LIST',
        help='what to make: json (JSON lines), bag (annotated copy of a bag), video (annotated '
        f'video of everything else) (default: {",".join(PRODUCTS)})',
    )
    _add_worker_options(parser)
    add_bag_options(parser)
    # The processes use the cores; threads in each would only take them from one another.
    add_pipeline_options(parser, num_threads=1)


def run(arguments: argparse.Namespace) -> int:
    """Runs `emotion batch`; returns its exit code."""
    if arguments.ray is not None:
        check_address(arguments.ray)
    job = _job_from(arguments)
    out = arguments.out.resolve()
    sources, missing = find_sources(arguments.sources, out)
    for problem in missing:
        note(f'error: {problem}')
    with output_folder(out):
        batch = _Batch(sources, job, out)
        try:
            batch.run(arguments)
        finally:
            summary = BatchSummary(batch.records, [str(problem) for problem in missing])
            files = summary.write(out, job)
            say(summary.format())
            say(f'wrote {" and ".join(map(str, files))}')
    return int(bool(summary.problems))


class _Batch:
    """The sources of a run and what is known of them."""

    def __init__(self, sources: Sequence[Path], job: Job, out: Path) -> None:
        self._job = job
        self._out = out
        self._tasks: list[Task] = []
        self._records: dict[str, Record] = {}
        description = job.describe()
        for source in sources:
            try:
                self._plan(make_task(source, description))
            except SourceError as error:
                self._take(without_result(Task(source, '', ''), Status.FAILED, str(error)))

    @property
    def records(self) -> list[Record]:
        """One per source, in their order."""
        return list(self._records.values())

    def run(self, arguments: argparse.Namespace) -> None:
        """Works on everything that is not finished."""
        finished = len(self._records) - len(self._tasks)
        if finished:
            note(f'{finished} of {len(self._records)} sources are finished already.')
        if not self._tasks:
            return
        with (
            self._workers(arguments) as workers,
            tqdm(total=len(self._tasks), unit='source', disable=None) as progress,
        ):

            def take(record: Record) -> None:
                self._take(record)
                progress.update()

            def show() -> None:
                if workers.frames:
                    progress.set_postfix(frames=workers.frames)

            run_tasks(self._tasks, workers, arguments.retries, take, show)

    def _plan(self, task: Task) -> None:
        record = finished_record(task, self._out)
        if record is None:
            self._tasks.append(task)
            record = without_result(task, Status.PENDING)
        self._records[str(task.source)] = record
        if record.error:
            note(f'error: {record.error}')

    def _take(self, record: Record) -> None:
        self._records[record.source] = record
        if record.error:
            note(f'error: {record.error}')

    def _workers(self, arguments: argparse.Namespace) -> LocalWorkers | RayWorkers:
        if arguments.ray is not None:
            return RayWorkers(arguments.ray, self._job, self._out, arguments.jobs)
        # What is wrong with the networks is told once, not by every process.
        networks_of(self._job)
        networks_of.cache_clear()
        cores = arguments.jobs or len(os.sched_getaffinity(0))
        return LocalWorkers(self._job, self._out, min(cores, len(self._tasks)))


def _add_worker_options(parser: argparse.ArgumentParser) -> None:
    add_settings(parser, _WORKERS)
    parser.add_argument(
        '--ray',
        nargs='?',
        const=LOCAL,
        metavar='ADDRESS',
        help='use Ray: the cluster at HOST:PORT, the one of this machine (auto), or without an '
        'ADDRESS Ray on this machine alone; every machine must see SRC and DIR',
    )


def _job_from(arguments: argparse.Namespace) -> Job:
    model = arguments.model
    manifest = read_manifest(manifest_path_for(model or default_model_path()))
    return Job(
        model_sha256=manifest.sha256,
        model=None if model is None else model.resolve(),
        labels=arguments.labels,
        detector=_detector_from(arguments.detector),
        providers=providers_from(arguments),
        settings=settings_from(arguments),
        annotate=annotate_options_from(arguments),
        products=arguments.make,
    )


def _detector_from(text: str) -> str:
    path = Path(text).expanduser()
    # Workers of a cluster have a working folder of their own.
    return str(path.resolve()) if path.is_file() else text


def _products(text: str) -> tuple[str, ...]:
    wanted = {name.strip() for name in text.split(',')}
    if not wanted <= set(PRODUCTS):
        raise argparse.ArgumentTypeError(f'{text!r} is no list of {", ".join(PRODUCTS)}')
    return tuple(name for name in PRODUCTS if name in wanted)
