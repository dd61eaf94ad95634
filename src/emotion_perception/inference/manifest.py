"""The model's manifest: what a model file is, what it expects and how well it did.

The manifest is a JSON file beside the ONNX file. Training writes it, the runtime reads it, so that
the two cannot disagree about labels, preprocessing or framing.
"""

import errno
import hashlib
import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from emotion_perception.errors import ModelError
from emotion_perception.files.bounded import read_bounded
from emotion_perception.files.resources import replace_file
from emotion_perception.inference.framing import Framing
from emotion_perception.inference.preprocessing import Preprocessing
from emotion_perception.labels import BALANCED, EMOTION_NAMES, FER2013, FERPLUS, NUM_EMOTIONS
from emotion_perception.limits import (
    MAX_MANIFEST_BYTES,
    MAX_MODEL_BYTES,
    MAX_NETWORK_SIDE,
    quoted,
)

SCHEMA_VERSION = 1
OUTPUTS: Final = {FER2013: 'logits', FERPLUS: 'ferplus_logits'}
"""Name of the ONNX file's output, float32 [batch, 7], for each of `labels.TAUGHT_LABELS`."""

_FIELD_TYPES: Final = {'name': str, 'file': str, 'sha256': str, 'scores': dict, 'training': dict}
# All numbers of a manifest are near one; beyond these, float32 would overflow.
_MAX_NUMBER: Final = 1e6
_MIN_DIVISOR: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Balance:
    """Takes out of the FER+ output how often each class occurs in FER+ (logit adjustment).

    Source: Menon et al., "Long-tail learning via logit adjustment", 2021.

    Attributes:
        shares: Share of each class in what the output was taught, in FER-2013 order, each > 0.
        strength: What their logarithms are multiplied by; 1 takes the shares out altogether.
        temperature: Divisor of the adjusted logits; > 0. It changes no strongest class.
        bonus: What each class gets beside, in nats: for what cameras see otherwise than FER+.
    """

    shares: tuple[float, ...]
    strength: float
    temperature: float = 1.0
    bonus: tuple[float, ...] = (0.0,) * NUM_EMOTIONS

    @property
    def offsets(self) -> tuple[float, ...]:
        """What is taken from the divided logits."""
        return tuple(
            (self.strength * math.log(share) - bonus) / self.temperature
            for share, bonus in zip(self.shares, self.bonus, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Calibration:
    """How logits become probabilities: `softmax(logits / temperature - offsets)`.

    Attributes:
        taught_labels: Which output of the network, one of `labels.TAUGHT_LABELS`.
        temperature: Divisor of its logits; > 0.
        offsets: Seven numbers in FER-2013 order.
    """

    taught_labels: str
    temperature: float
    offsets: tuple[float, ...] = (0.0,) * NUM_EMOTIONS


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything the runtime must know about a model file.

    Attributes:
        name: Short model name, for example 'alexnet-fer2013'.
        file: Name of the ONNX file, in the manifest's own folder.
        sha256: Hex digest of the ONNX file.
        labels: Class names in output order.
        preprocessing: From aligned grey face to network input.
        framing: Where the face lies in the aligned square.
        temperature: Divisor of the logits before the softmax, fitted on PublicTest; > 0.
        ferplus_temperature: The same for the model's second output, as the annotators of FER+
            would label; None where the model has only one.
        balance: How the second output becomes the balanced predictions; None where there are none.
        scores: Measured accuracies, free-form; shown, never computed with.
        training: Recipe, commit and data of the training run, free-form.
    """

    name: str
    file: str
    sha256: str
    labels: tuple[str, ...] = EMOTION_NAMES
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    framing: Framing = field(default_factory=Framing)
    temperature: float = 1.0
    ferplus_temperature: float | None = None
    balance: Balance | None = None
    scores: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)

    @property
    def temperatures(self) -> dict[str, float]:
        """The temperature of every output the model has, by its name in `labels.TAUGHT_LABELS`."""
        known = {FER2013: self.temperature, FERPLUS: self.ferplus_temperature}
        return {labels: value for labels, value in known.items() if value is not None}

    @property
    def calibrations(self) -> dict[str, Calibration]:
        """What the model can predict, by its name in `labels.LABEL_SETS`."""
        known = {name: Calibration(name, value) for name, value in self.temperatures.items()}
        if self.balance is not None and FERPLUS in known:
            known[BALANCED] = Calibration(FERPLUS, self.balance.temperature, self.balance.offsets)
        return known

    @property
    def default_labels(self) -> str:
        """What is predicted where nobody chooses: balanced predictions where there are any."""
        return BALANCED if BALANCED in self.calibrations else FER2013


def manifest_path_for(model_path: Path) -> Path:
    """Path of the manifest that belongs to an ONNX file: the same name, ending in .json."""
    return model_path.with_suffix('.json')


def sha256_of(path: Path) -> str:
    """Hex sha256 digest of a file's bytes."""
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def read_manifest(path: Path) -> Manifest:
    """Reads and checks a manifest.

    Args:
        path: The JSON file.

    Raises:
        ModelError: The file is missing, is not JSON, or a field is missing or out of range.
    """
    try:
        document = json.loads(_read_text(path))
    except OSError as error:
        raise ModelError(
            f'Model manifest {path} cannot be read ({error.strerror}): export the model with '
            '`python -m training export`, which writes it.'
        ) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f'Model manifest {path} is not valid JSON: {quoted(error)}.') from error
    try:
        return _from_document(document)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelError(
            f'Model manifest {path} is invalid ({type(error).__name__}: {quoted(error)}): '
            'export it again.'
        ) from error


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Writes a manifest as indented JSON, whole or not at all."""
    text = json.dumps(document_of(manifest), indent=2) + '\n'
    replace_file(path, text.encode(), durable=True)


def document_of(manifest: Manifest) -> dict[str, Any]:
    """What the file of a manifest holds."""
    return {'schema': SCHEMA_VERSION, **asdict(manifest)}


def read_model_file(manifest: Manifest, model_path: Path) -> bytes:
    """Reads a model file and checks that it is the one its manifest describes.

    Whoever loads the bytes loads what was checked, even if the file is replaced meanwhile.

    Raises:
        ModelError: The file is missing, too large to be a model, or its sha256 differs.
    """
    try:
        content = read_bounded(model_path, MAX_MODEL_BYTES)
    except OSError as error:
        is_missing = isinstance(error, FileNotFoundError)
        reason = 'does not exist' if is_missing else f'cannot be read ({error.strerror})'
        raise ModelError(
            f'Model file {model_path} {reason}: set `model_path` to an exported ONNX file.'
        ) from error
    actual = hashlib.sha256(content).hexdigest()
    if actual != manifest.sha256:
        raise ModelError(
            f'Model file {model_path} is damaged or was replaced: its sha256 is {actual[:12]}..., '
            f'its manifest says {manifest.sha256[:12]}...; restore the file or export it again.'
        )
    return content


def _read_text(path: Path) -> str:
    try:
        return read_bounded(path, MAX_MANIFEST_BYTES).decode()
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
        raise ModelError(
            f'Model manifest {path} has more than {MAX_MANIFEST_BYTES >> 20} MiB and is none: '
            'export the model with `python -m training export`, which writes it.'
        ) from error


def _from_document(document: dict[str, Any]) -> Manifest:
    if document.get('schema') != SCHEMA_VERSION:
        raise ValueError(f'schema is {document.get("schema")!r}, this version reads 1')
    fields = {key: value for key, value in document.items() if key != 'schema'}
    fields['labels'] = tuple(fields['labels'])
    fields['preprocessing'] = Preprocessing.from_document(fields['preprocessing'])
    fields['framing'] = Framing.from_document(fields['framing'])
    if fields.get('balance') is not None:
        balance = dict(fields['balance'])
        rows = {name: tuple(balance[name]) for name in ('shares', 'bonus') if name in balance}
        fields['balance'] = Balance(**{**balance, **rows})
    manifest = Manifest(**fields)
    if manifest.labels != EMOTION_NAMES:
        raise ValueError(f'labels must be {", ".join(EMOTION_NAMES)}')
    if Path(manifest.file).name != manifest.file:
        raise ValueError('file must be a plain name in the folder of the manifest')
    _check_types(manifest)
    _check_numbers(manifest)
    return manifest


def _check_types(manifest: Manifest) -> None:
    for name, kind in _FIELD_TYPES.items():
        if not isinstance(getattr(manifest, name), kind):
            raise TypeError(f'{name} must be a {"text" if kind is str else "mapping"}')


def _check_numbers(manifest: Manifest) -> None:
    spec, boxes = manifest.preprocessing, manifest.framing.boxes.values()
    for name, side in (('face_size', spec.face_size), ('input_size', spec.input_size)):
        if type(side) is not int or not 1 <= side <= MAX_NETWORK_SIDE:
            raise ValueError(f'{name} must be a whole number from 1 to {MAX_NETWORK_SIDE}')
    temperatures = [*manifest.temperatures.values()]
    shares: tuple[float, ...] = ()
    strengths: list[float] = []
    if manifest.balance is not None:
        shares = manifest.balance.shares
        temperatures.append(manifest.balance.temperature)
        strengths += [manifest.balance.strength, *manifest.balance.bonus]
        if {len(shares), len(manifest.balance.bonus)} != {NUM_EMOTIONS}:
            raise ValueError(f'balance must have {NUM_EMOTIONS} shares, and as many bonuses')
    exposure = {} if spec.exposure is None else asdict(spec.exposure)
    for number in (
        *(*temperatures, *shares, *strengths, spec.mean, spec.std, *exposure.values()),
        *(value for point in manifest.framing.landmarks for value in point),
        *(value for box in boxes for value in (box.center_x, box.center_y, box.size)),
    ):
        if type(number) not in (int, float) or not abs(number) < _MAX_NUMBER:
            raise ValueError(f'a number is {quoted(number)}: all must be finite and moderate')
    stds = (spec.std, exposure.get('std', spec.std))
    if min(*temperatures, *shares, *stds, *(box.size for box in boxes)) < _MIN_DIVISOR:
        raise ValueError('temperature, shares, std and the size of a box must be positive')
