"""Errors of the perception core.

Every error carries one sentence that says what is wrong and what to do about it, fit to be shown to
a user as it is. Nodes log it and go on with the next frame; commands print it and exit non-zero.
"""


class EmotionPerceptionError(Exception):
    """Base of every error that the core raises on purpose."""


class SourceError(EmotionPerceptionError):
    """A frame source (camera, video, image, bag) cannot be opened or read."""


class ImageFormatError(EmotionPerceptionError):
    """Image bytes do not match their declared encoding, size or step."""


class ModelError(EmotionPerceptionError):
    """A model file or its manifest is missing, damaged or does not fit the other."""


class DetectorError(EmotionPerceptionError):
    """A face detector is unknown or cannot be loaded."""


class ProviderError(EmotionPerceptionError):
    """A requested ONNX Runtime execution provider is not available."""


class BagError(EmotionPerceptionError):
    """A rosbag cannot be read or written."""


class OutputError(EmotionPerceptionError):
    """A result (video, JSON lines) cannot be written."""


class PageError(EmotionPerceptionError):
    """The page to try it in cannot be served."""
