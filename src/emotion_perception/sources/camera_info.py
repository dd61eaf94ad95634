"""Camera calibration in ROS's standard YAML file, as written by `camera_calibration`."""

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from emotion_perception.errors import SourceError
from emotion_perception.files.yaml_file import YamlFileError, read_yaml
from emotion_perception.heads.calibration import COEFFICIENTS, CameraCalibration
from emotion_perception.limits import MAX_SIDE, quoted

PackageResolver = Callable[[str], Path]
"""From a package's name to its share folder; raises LookupError for an unknown one."""


def read_calibration(
    url: str, *, camera_name: str = '', resolve_package: PackageResolver | None = None
) -> CameraCalibration:
    """Reads the calibration that a `camera_info_url` names.

    Args:
        url: 'file:///path', '/path', 'package://name/path', or empty for an uncalibrated camera.
            `${NAME}` stands for the camera's name, `${ROS_HOME}` for ROS's folder.
        camera_name: The camera's name.
        resolve_package: Finds packages; without it package:// is refused.

    Raises:
        SourceError: The file is missing, is not a calibration, or its numbers do not fit.
    """
    if not url:
        return CameraCalibration(camera_name=camera_name)
    path = _path_of(_substituted(url, camera_name), resolve_package)
    document = _load(path)
    try:
        return _calibration_of(document, camera_name)
    except KeyError as error:
        raise SourceError(
            f'Camera calibration {path} lacks the field {error}: calibrate the camera again.'
        ) from error
    except (TypeError, ValueError, OverflowError) as error:
        raise SourceError(
            f'Camera calibration {path} is invalid, {quoted(error)}: calibrate the camera again.'
        ) from error


def _substituted(url: str, camera_name: str) -> str:
    ros_home = os.environ.get('ROS_HOME') or str(Path.home() / '.ros')
    return url.replace('${NAME}', camera_name).replace('${ROS_HOME}', ros_home)


def _path_of(url: str, resolve_package: PackageResolver | None) -> Path:
    scheme, separator, rest = url.partition('://')
    if not separator:
        return Path(url).expanduser()
    if scheme == 'file':
        return Path(unquote(rest))
    if scheme != 'package' or resolve_package is None:
        raise SourceError(
            f'camera_info_url {url!r} cannot be resolved: use file:///path/to/calibration.yaml.'
        )
    package, _, inner = rest.partition('/')
    try:
        return resolve_package(package) / inner
    except LookupError as error:
        raise SourceError(
            f'camera_info_url {url!r} names the package {package!r}, which is not installed: '
            'install it or use file:///path/to/calibration.yaml.'
        ) from error


def _load(path: Path) -> dict[str, Any]:
    try:
        document = read_yaml(path)
    except OSError as error:
        raise SourceError(
            f'Camera calibration {path} cannot be read ({error.strerror}): correct camera_info_url '
            'or leave it empty.'
        ) from error
    except YamlFileError as error:
        raise SourceError(f'Camera calibration {path} {error}; check the path.') from error
    if not isinstance(document, dict):
        raise SourceError(f'Camera calibration {path} is not a YAML mapping: check the path.')
    return document


def _calibration_of(document: dict[str, Any], camera_name: str) -> CameraCalibration:
    model = _text(document, 'distortion_model')
    distortion = _matrix(document, 'distortion_coefficients')
    expected = COEFFICIENTS.get(model)
    if expected and len(distortion) not in expected:
        counts = ' or '.join(map(str, expected))
        raise ValueError(f'{model} has {counts} distortion coefficients, not {len(distortion)}')
    return CameraCalibration(
        width=_side(document, 'image_width'),
        height=_side(document, 'image_height'),
        camera_name=_text(document, 'camera_name', camera_name),
        distortion_model=model,
        d=distortion,
        k=_matrix(document, 'camera_matrix', (3, 3)),
        r=_matrix(document, 'rectification_matrix', (3, 3)),
        p=_matrix(document, 'projection_matrix', (3, 4)),
    )


def _side(document: dict[str, Any], name: str) -> int:
    value = document[name]
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_SIDE:
        raise ValueError(f'{name} must be a whole number from 1 to {MAX_SIDE}')
    return value


def _text(document: dict[str, Any], name: str, default: str | None = None) -> str:
    value = document[name] if default is None else document.get(name) or default
    # A camera may be called 7, and only a word goes into a ROS message.
    if not isinstance(value, str | int | float):
        raise TypeError(f'{name} must be a word')
    return str(value)


def _matrix(
    document: dict[str, Any], name: str, shape: tuple[int, int] | None = None
) -> tuple[float, ...]:
    matrix = document[name]
    if not isinstance(matrix, dict):
        raise TypeError(f'{name} must have rows, cols and data')
    rows, columns = matrix['rows'], matrix['cols']
    if not isinstance(rows, int) or not isinstance(columns, int):
        raise TypeError(f'rows and cols of {name} must be whole numbers')
    if not isinstance(matrix['data'], list):
        raise TypeError(f'data of {name} must be a list of numbers')
    # YAML 1.1 takes 1e-05, as C++ writes it, for a string.
    values = tuple(float(value) for value in matrix['data'])
    if len(values) != rows * columns or (shape and shape != (rows, columns)):
        wanted = f'{shape[0]}x{shape[1]}' if shape else f'{rows}x{columns}'
        raise ValueError(f'{name} must be {wanted} numbers, not {len(values)} ({rows}x{columns})')
    if not all(map(math.isfinite, values)):
        raise ValueError(f'{name} must hold finite numbers')
    return values
