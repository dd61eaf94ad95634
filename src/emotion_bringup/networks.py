"""The networks that nodes' parameters ask for."""

from pathlib import Path

from rclpy.node import Node

from emotion_bringup.parameters import value_of
from emotion_perception.files.resources import default_model_path
from emotion_perception.inference.onnx_session import ProviderSettings
from emotion_perception.inference.provider_options import GpuSettings
from emotion_perception.networks import Networks, load_networks


def networks_of(node: Node) -> Networks:
    """Loads the networks.

    Args:
        node: Has the parameters that say which, and where to run them.

    Raises:
        EmotionPerceptionError: A file is missing or damaged, or hardware that is strictly wanted.
    """
    return load_networks(
        value_of(node, 'model_path'),
        value_of(node, 'detector'),
        providers_of(node),
        value_of(node, 'labels'),
    )


def model_path(node: Node) -> Path:
    """The classifier's file."""
    given: str = value_of(node, 'model_path')
    return Path(given).expanduser() if given else default_model_path()


def providers_of(node: Node, automatic_threads: int = 0) -> ProviderSettings:
    """Which hardware to use.

    Args:
        node: Has the parameters.
        automatic_threads: For `num_threads` at 0; 0 leaves the choice to ONNX Runtime.
    """
    return ProviderSettings(
        tuple(value_of(node, 'execution_providers')),
        strict=value_of(node, 'strict_providers'),
        num_threads=value_of(node, 'num_threads') or automatic_threads,
        gpu=_gpu_settings(node),
    )


def _gpu_settings(node: Node) -> GpuSettings:
    folder: str = value_of(node, 'engine_cache_path')
    return GpuSettings(
        value_of(node, 'device_id'),
        value_of(node, 'tensorrt_fp16'),
        Path(folder).expanduser() if folder else None,
    )
