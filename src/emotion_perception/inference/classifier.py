"""The emotion classifier: an ONNX model and its manifest."""

from copy import copy
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from emotion_perception.errors import ModelError
from emotion_perception.inference.manifest import (
    OUTPUTS,
    Calibration,
    Manifest,
    manifest_path_for,
    read_manifest,
    read_model_file,
)
from emotion_perception.inference.onnx_session import OnnxNetwork, ProviderSettings, create_session
from emotion_perception.inference.preprocessing import Float32Array, Uint8Array, preprocess_faces
from emotion_perception.inference.provider_options import InputShapes
from emotion_perception.labels import NUM_EMOTIONS
from emotion_perception.limits import quoted

MAX_BATCH: Final = 16
"""Faces that the network sees at once: what a crowd needs of memory stays bounded."""

_INPUT_NAME: Final = 'input'  # as `training.shipping.graph` names it


class EmotionClassifier:
    """Reads the emotion of aligned grey faces, all faces of a frame in one batch."""

    def __init__(
        self,
        model_path: Path,
        providers: ProviderSettings | None = None,
        label_set: str = '',
    ) -> None:
        """Loads and checks a model.

        Args:
            model_path: ONNX file; its manifest lies beside it under the same name with .json.
            providers: Where to run it; by default the best that is installed.
            label_set: Whose labels to predict, one of `labels.LABEL_SETS`; empty is the
                manifest's default.

        Raises:
            ModelError: A file is missing or damaged, model and manifest do not fit, or the model
                knows no such labels.
            ProviderError: A strictly wanted execution provider is not available.
        """
        if not model_path.is_file():
            raise ModelError(
                f'Model file {model_path} does not exist: set `model_path` to an exported ONNX '
                'file.'
            )
        self._path = model_path
        self.manifest: Manifest = read_manifest(manifest_path_for(model_path))
        self.label_set = label_set or self.manifest.default_labels
        self._calibration = _calibration(self.manifest, self.label_set, model_path)
        content = read_model_file(self.manifest, model_path)
        settings = providers or ProviderSettings()
        session = create_session(
            content, settings, _input_shapes(self.manifest), f'Model file {model_path}'
        )
        _check_signature(session, self.manifest, model_path)
        labels = self._calibration.taught_labels
        output = _check_outputs(session, self.manifest, labels, model_path)
        self._network = OnnxNetwork(session, [output], settings.gpu.device_id)
        self._device_id = settings.gpu.device_id
        self._warm_up()

    def predicting(self, label_set: str) -> 'EmotionClassifier':
        """The same network with other labels; it is not loaded again.

        Args:
            label_set: One of `manifest.calibrations`.

        Raises:
            ModelError: The model knows no such labels.
        """
        other = copy(self)
        other.label_set = label_set
        other._calibration = _calibration(self.manifest, label_set, self._path)
        session, labels = self._network.session, other._calibration.taught_labels
        output = _check_outputs(session, self.manifest, labels, self._path)
        other._network = OnnxNetwork(session, [output], self._device_id)
        return other

    @property
    def provider(self) -> str:
        """Execution provider that is really in use, as ONNX Runtime reports it."""
        return self._network.provider

    def classify(self, faces: Uint8Array) -> Float32Array:
        """Probabilities of the seven emotions for every face.

        Args:
            faces: uint8 [N, face_size, face_size], aligned grey faces; N may be 0.

        Returns:
            float32 [N, 7] in FER-2013 order, calibrated as the manifest says; rows sum to 1.
        """
        if not len(faces):
            return np.empty((0, NUM_EMOTIONS), np.float32)
        batches = range(0, len(faces), MAX_BATCH)
        logits = np.concatenate([self._logits(faces[i : i + MAX_BATCH]) for i in batches])
        offsets = np.asarray(self._calibration.offsets, np.float32)
        return softmax(logits / self._calibration.temperature - offsets)

    def _logits(self, faces: Uint8Array) -> Float32Array:
        (logits,) = self._network.run(preprocess_faces(faces, self.manifest.preprocessing))
        return logits

    def _warm_up(self) -> None:
        # The first run allocates memory and, on a GPU, builds kernels: not on a live frame.
        size = self.manifest.preprocessing.face_size
        for count in (1, 2):
            try:
                logits = self._logits(np.zeros((count, size, size), np.uint8))
            # ONNX Runtime's exceptions share no base class but Exception.
            except Exception as error:
                raise ModelError(
                    f'Model file {self._path} cannot be run, restore it or export it again: '
                    f'{quoted(error)}.'
                ) from error
            if logits.shape != (count, NUM_EMOTIONS) or not np.isfinite(logits).all():
                raise ModelError(
                    f'Model file {self._path} turns {count} faces into {list(logits.shape)} '
                    f'numbers or with NaN instead of {count}x{NUM_EMOTIONS}: export it again.'
                )


def softmax(logits: npt.NDArray[np.floating]) -> Float32Array:
    """Softmax over the last axis, shifted by the maximum so that it cannot overflow."""
    exponents = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(exponents / exponents.sum(axis=-1, keepdims=True), np.float32)


def _input_shapes(manifest: Manifest) -> InputShapes:
    size = manifest.preprocessing.input_size
    one, most = (1, 3, size, size), (MAX_BATCH, 3, size, size)
    return InputShapes(_INPUT_NAME, smallest=one, usual=one, largest=most)


def _calibration(manifest: Manifest, label_set: str, path: Path) -> Calibration:
    known_sets = manifest.calibrations
    try:
        return known_sets[label_set]
    except KeyError:
        known = ' or '.join(known_sets)
        raise ModelError(
            f'Model file {path} cannot predict the labels {quoted(label_set)}: '
            f'set `labels` to {known}, or use a model trained with model.votes.'
        ) from None


def _check_signature(session: ort.InferenceSession, manifest: Manifest, path: Path) -> None:
    inputs = session.get_inputs()
    size = manifest.preprocessing.input_size
    if len(inputs) != 1 or list(inputs[0].shape[1:]) != [3, size, size]:
        found = ', '.join(str(item.shape) for item in inputs)
        raise ModelError(
            f'Model file {path} takes an input of shape {found}, its manifest says '
            f'[batch, 3, {size}, {size}]: export it again.'
        )
    if isinstance(inputs[0].shape[0], int):
        raise ModelError(
            f'Model file {path} has a fixed batch of {inputs[0].shape[0]}: '
            'export it with a dynamic batch.'
        )


def _check_outputs(
    session: ort.InferenceSession, manifest: Manifest, label_set: str, path: Path
) -> str:
    """Name of the output that predicts the wanted labels."""
    outputs = session.get_outputs()
    wanted = len(manifest.temperatures)
    if len(outputs) != wanted or any(list(o.shape[1:]) != [NUM_EMOTIONS] for o in outputs):
        found = ', '.join(str(item.shape) for item in outputs)
        raise ModelError(
            f'Model file {path} gives outputs of shape {found}, not {wanted} of '
            f'[batch, {NUM_EMOTIONS}]: it was trained for other classes; use a FER-2013 model '
            'with seven.'
        )
    # A single output needs no name: models from elsewhere call it as they like.
    names = [str(output.name) for output in outputs]
    if wanted == 1:
        return names[0]
    if OUTPUTS[label_set] not in names:
        raise ModelError(
            f'Model file {path} has no output "{OUTPUTS[label_set]}": export it again.'
        )
    return OUTPUTS[label_set]
