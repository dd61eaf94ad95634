"""What a visitor has chosen."""

from dataclasses import dataclass, replace
from typing import NamedTuple

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


class Controls(NamedTuple):
    """What the controls above all tabs say, in their order on the page.

    Attributes:
        threshold: Probability below which an emotion is not named, 0..1.
        face_size: Smallest face, in pixels.
        smoothing: Time constant in seconds.
        labels: Whose labels to predict.
        blur: Whether faces are made unrecognisable.
        heads: Whether head pose and gaze are estimated and drawn.
    """

    threshold: float
    face_size: float
    smoothing: float
    labels: str
    blur: bool
    heads: bool

    def chosen(self, settings: PipelineSettings) -> Chosen:
        """The settings with what the visitor has chosen.

        Args:
            settings: Those that no control changes.
        """
        settings = replace(
            settings,
            confidence_threshold=float(self.threshold),
            min_face_size=int(self.face_size),
            smoothing=float(self.smoothing),
            head_pose=bool(self.heads),
            gaze=bool(self.heads),
        )
        return Chosen(settings, self.labels, bool(self.blur))
