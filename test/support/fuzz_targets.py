"""What is fuzzed, one function each; `python -m fuzz_targets` runs them for `fuzzing.Child`.

A target gets bytes and options, and either returns after checking that its result is a right one,
or raises what the package documents. Requests and results are a line of JSON each.
"""

import contextlib
import hashlib
import json
import os
import resource
import shutil
import sys
import tempfile
from itertools import islice
from pathlib import Path

_ADDRESS_SPACE = 12 << 30
_MAX_FRAMES = 40


def raw_image(content, **fields):
    from emotion_perception.encodings import decode_image

    image = decode_image(content, **fields)
    _check_image(image)
    assert image.shape[:2] == (fields['height'], fields['width'])


def compressed_image(content, format):
    from emotion_perception.encodings import decode_compressed

    _check_image(decode_compressed(content, format))


def still(content):
    from emotion_perception.encodings import decode_still

    _check_image(decode_still(content, 'fuzzed.png'))


def media(content, name):
    """A file as `emotion video` opens it."""
    from emotion_perception.sources import open_source

    with _folder() as folder:
        (folder / name).write_bytes(content)
        _read_source(open_source(str(folder / name)))


def bag(content, name, rest):
    """One file of a bag; `rest` is a folder with the others. Every message is read."""
    from emotion_perception.sources import open_source

    with _folder() as folder:
        shutil.copytree(rest, folder / 'bag')
        (folder / 'bag' / name).write_bytes(content)
        _read_source(open_source(str(folder / 'bag')))


def annotated_bag(content, name, rest):
    """The same, copied with results."""
    from emotion_perception.bags.annotate import annotate_bag
    from emotion_perception.bags.reader import BagReader
    from emotion_perception.errors import BagError

    class Pipeline:
        """Only the bag is tested: nobody is seen."""

        def process(self, image, stamp_ns):
            return []

    with _folder() as folder:
        shutil.copytree(rest, folder / 'bag')
        (folder / 'bag' / name).write_bytes(content)
        before = _hashes(folder / 'bag')
        try:
            report = annotate_bag(folder / 'bag', folder / 'out', Pipeline())
        except BagError:
            assert not (folder / 'out').exists()
            raise
        finally:
            assert _hashes(folder / 'bag') == before
            assert not list(folder.glob('.*'))
        with BagReader(folder / 'out') as reader:
            topics = [connection.topic for connection, _, _ in reader.messages()]
        assert topics.count('/emotions') == report.images > 0


def single_bag(content, name):
    """A bag that is one file."""
    from emotion_perception.sources import open_source

    with _folder() as folder:
        (folder / name).write_bytes(content)
        _read_source(open_source(str(folder / name)))


def model(content, manifest):
    """An ONNX file whose manifest knows its hash."""
    digest = hashlib.sha256(content).hexdigest()
    document = {**json.loads(manifest), 'sha256': digest}
    _classify(content, json.dumps(document).encode())


def manifest(content, model):
    _classify(Path(model).read_bytes(), content)


def yunet(content):
    import numpy as np

    from emotion_perception.detection import create_detector

    with _folder() as folder:
        (folder / 'yunet.onnx').write_bytes(content)
        detector = create_detector(str(folder / 'yunet.onnx'))
        for detection in detector.detect(np.full((120, 160, 3), 99, np.uint8), 0.1, 10):
            assert 0 <= detection.score <= 1
            assert np.isfinite(detection.landmarks).all()


def calibration(content):
    from emotion_perception.sources.camera_info import read_calibration

    with _folder() as folder:
        (folder / 'camera.yaml').write_bytes(content)
        found = read_calibration(str(folder / 'camera.yaml'), camera_name='camera')
    assert (len(found.k), len(found.r), len(found.p)) == (9, 9, 12)
    assert 1 <= found.width <= 16384 and 1 <= found.height <= 16384
    assert isinstance(found.camera_name, str) and isinstance(found.distortion_model, str)


def parameters(content, node):
    """A parameter file for one of the nodes, as its process reads it."""
    import rclpy
    from rclpy.exceptions import ParameterException

    from emotion_bringup import parameter_tables
    from emotion_bringup.parameters import declare_parameters, value_of
    from emotion_perception.errors import EmotionPerceptionError

    table = getattr(parameter_tables, f'{node.upper()}_PARAMETERS')
    with _folder() as folder:
        path = folder / 'params.yaml'
        path.write_bytes(content)
        context = rclpy.Context()
        try:
            # `running.run_node` turns whatever comes from here into one sentence.
            rclpy.init(args=['--ros-args', '--params-file', str(path)], context=context)
        except Exception as error:
            raise EmotionPerceptionError(_first_line(error)) from error
        try:
            made = rclpy.create_node(f'{node}_node', context=context)
            try:
                declare_parameters(made, table)
                for row in table:
                    assert isinstance(value_of(made, row.name), type(row.default) | list | tuple)
            except ParameterException as error:
                raise AssertionError(f'not reported in one sentence: {error!r}') from error
            finally:
                made.destroy_node()
        finally:
            rclpy.try_shutdown(context=context)


def fer2013(content, name):
    from training.dataset import data

    with _folder() as folder:
        (folder / name).write_bytes(content)
        found = data.load(folder / name, folder / 'cache')
        for split in data.SPLITS:
            part = found[split]
            assert part.images.shape == (len(part), 48, 48)
            assert ((part.labels >= 0) & (part.labels < 7)).all()


def ferplus(content):
    from training.dataset.ferplus import read_votes

    with _folder() as folder:
        (folder / 'fer2013new.csv').write_bytes(content)
        votes = read_votes(folder / 'fer2013new.csv')
    assert votes.ndim == 2 and votes.shape[1] == 10


def crash(content):
    """For the test of the harness itself."""
    os.abort()


def stray(content):
    """For the test of the harness itself."""
    raise KeyError(content)


def _classify(model, manifest):
    import numpy as np

    from emotion_perception.inference.classifier import EmotionClassifier

    with _folder() as folder:
        (folder / 'm.onnx').write_bytes(model)
        (folder / 'm.json').write_bytes(manifest)
        classifier = EmotionClassifier(folder / 'm.onnx')
        size = classifier.manifest.preprocessing.face_size
        results = classifier.classify(np.full((3, size, size), 130, np.uint8))
    assert results.shape == (3, 7)
    assert np.isfinite(results).all() and np.allclose(results.sum(axis=1), 1, atol=1e-3)


def _read_source(source):
    with source:
        for frame in islice(source, _MAX_FRAMES):
            _check_image(frame.image)
            assert isinstance(frame.stamp_ns, int)


def _check_image(image):
    import numpy as np

    from emotion_perception.limits import size_problem

    assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
    assert size_problem(image.shape[1], image.shape[0]) is None


def _hashes(folder):
    return {file.name: hashlib.sha256(file.read_bytes()).digest() for file in folder.iterdir()}


def _first_line(error):
    text = str(error).strip()
    return text.splitlines()[0][:1000] if text else type(error).__name__


@contextlib.contextmanager
def _folder():
    # In memory where that is possible: thousands of small files are written.
    base = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix='fuzz', dir=base) as name:
        yield Path(name)


def _documented():
    """Base classes of the errors that the package raises on purpose."""
    from emotion_perception.errors import EmotionPerceptionError
    from training.errors import TrainingError

    return EmotionPerceptionError, TrainingError


def _result(target, content, options, documented):
    before = _resident_mib()
    _forget_peak()
    try:
        globals()[target](content, **options)
        outcome, text = 'processed', ''
    except documented as error:
        # The folder has another name each time.
        outcome, text = 'refused', str(error)
    except BaseException as error:
        import traceback

        outcome, text = 'stray exception', ''.join(traceback.format_exception(error))
    return {'outcome': outcome, 'text': text, 'growth_mib': _peak_mib() - before}


def _status(name):
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) >> 10
    return 0


def _resident_mib():
    return _status('VmRSS') if Path('/proc/self/status').exists() else _peak_mib()


def _peak_mib():
    if Path('/proc/self/status').exists():
        return _status('VmHWM')
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def _forget_peak():
    with contextlib.suppress(OSError):
        Path('/proc/self/clear_refs').write_text('5')


def main():
    # The pipe is kept for results alone: libraries may print.
    results = os.fdopen(os.dup(1), 'wb')
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from emotion_perception.sources.capture import silence_opencv

    silence_opencv()
    documented = _documented()
    while line := sys.stdin.buffer.readline():
        request = json.loads(line)
        content = sys.stdin.buffer.read(request['length'])
        result = _result(request['target'], content, request['options'], documented)
        results.write(json.dumps(result).encode() + b'\n')
        results.flush()


if __name__ == '__main__':
    main()
