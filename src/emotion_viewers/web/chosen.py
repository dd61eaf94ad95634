"""What a visitor has chosen."""

from dataclasses import dataclass, replace

from emotion_perception.drawing import OverlayStyle
from emotion_perception.settings.tables import PipelineSettings, search_interval


@dataclass(frozen=True, slots=True)
class Chosen:
    """How an image of a visitor is processed and drawn.

    Attributes:
        settings: Of the pipeline.
        label_set: Whose labels to predict, one of `labels.LABEL_SETS`; empty is the default.
        blur: Whether faces are made unrecognisable in what is drawn.
    """

    settings: PipelineSettings
    label_set: str = ''
    blur: bool = False

    @property
    def style(self) -> OverlayStyle:
        """What is drawn onto images."""
        return OverlayStyle(blur=self.blur)

    def for_streams(self) -> PipelineSettings:
        """The settings for images that follow each other."""
        every_n = search_interval(self.settings.detect_every_n, live=False, blurred=self.blur)
        return replace(self.settings, detect_every_n=every_n)
