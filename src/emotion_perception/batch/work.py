"""One piece of work, in whatever process or machine it is done: a source becomes a folder."""

import logging
import shutil
import time
import uuid
from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2

import emotion_perception
from emotion_perception.batch.job import (
    Job,
    Record,
    Status,
    Task,
    finished_record,
    sizes_of,
    without_result,
    write_record,
)
from emotion_perception.batch.produce import FrameHandler, Production
from emotion_perception.errors import EmotionPerceptionError, ModelError
from emotion_perception.files.resources import default_model_path
from emotion_perception.limits import quoted
from emotion_perception.networks import Networks, load_networks

WORK_FOLDER: Final = '.unfinished'
"""Folder in the output folder for what is being made; the next run empties it."""

_MOST_WARNINGS: Final = 20


def work(task: Task, job: Job, out: Path, on_frame: FrameHandler = lambda: None) -> Record:
    """Makes the outputs of one source; its folder appears whole or not at all.

    It may be done twice, even at the same time: the first result stays.

    Args:
        task: The source.
        job: What to make.
        out: The output folder, which all processes and machines share.
        on_frame: For progress.

    Returns:
        The record; whatever goes wrong with this source is in it, and does not concern others.
    """
    unfinished = out / WORK_FOLDER / f'{task.folder}.{uuid.uuid4().hex}'
    try:
        unfinished.mkdir(parents=True)
        return _publish(_made(task, job, unfinished, on_frame), task, unfinished, out)
    except EmotionPerceptionError as error:
        return without_result(task, Status.FAILED, str(error))
    except OSError as error:
        return without_result(
            task,
            Status.FAILED,
            f'{error.filename or out} cannot be written or read ({error.strerror or error}): check '
            'the free space and the rights of the output folder.',
        )
    # One strange recording among thousands, or a fault of ours, must not end the run.
    except Exception as error:
        return without_result(
            task, Status.FAILED, f'{task.source} failed ({type(error).__name__}: {quoted(error)}).'
        )
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


@lru_cache(maxsize=1)
def networks_of(job: Job) -> Networks:
    """Loads the networks, once per process.

    Raises:
        ModelError: The model is missing, damaged, or not the one of the job.
        DetectorError: The detector cannot be loaded.
        ProviderError: The wanted hardware is not available.
    """
    # The processes share the cores already.
    cv2.setNumThreads(1)
    networks = load_networks(job.model, job.detector, job.providers, job.labels)
    if networks.classifier.manifest.sha256 != job.model_sha256:
        raise ModelError(
            f'Model file {job.model or default_model_path()} is not the one that this run was '
            'started with: install the same version of emotion_bringup on every machine.'
        )
    return networks


def _made(task: Task, job: Job, folder: Path, on_frame: FrameHandler) -> Record:
    start = time.monotonic()
    warnings = _Warnings()
    logger = logging.getLogger('emotion_perception')
    logger.addHandler(warnings)
    try:
        production = Production(task.source, job, networks_of(job), folder, on_frame)
        summary = production.run().summary
    finally:
        logger.removeHandler(warnings)
    return Record(
        source=str(task.source),
        folder=task.folder,
        key=task.key,
        status=Status.INCOMPLETE if production.problem else Status.DONE,
        error=str(production.problem or ''),
        frames=summary.frames,
        frames_without_face=summary.frames_without_face,
        damaged_frames=production.damaged_frames,
        faces=summary.faces,
        people=len(summary.track_ids),
        emotion_seconds=production.time.seconds(),
        elapsed_s=round(time.monotonic() - start, 3),
        version=emotion_perception.__version__,
        warnings=tuple(warnings.texts),
        files=sizes_of(folder),
    )


def _publish(record: Record, task: Task, unfinished: Path, out: Path) -> Record:
    """Gives the folder its name. A finished result of the same job stays."""
    write_record(unfinished, record)
    target = out / task.folder
    finished = finished_record(task, out)
    if finished is not None:
        return finished
    if target.exists():
        target.rename(unfinished.with_name(f'{unfinished.name}.old'))
    unfinished.rename(target)
    shutil.rmtree(unfinished.with_name(f'{unfinished.name}.old'), ignore_errors=True)
    return record


class _Warnings(logging.Handler):
    """Collects the warnings of the core, each once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: dict[str, None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if len(self.texts) < _MOST_WARNINGS:
            self.texts[record.getMessage()] = None
