"""What a run of the suite was asked to do."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of a run.

    Attributes:
        out: Folder for JSON, plots and the peer's environment.
        threads: CPU threads of ONNX Runtime's sessions; 0 leaves the choice to it.
        effort: Factor on the number of repetitions, > 0; 1 keeps the whole run below five minutes.
        minutes: Length of the end-to-end run, > 0.
        clips: Folder of clips for recall and tracking, or None.
        data: FER-2013 for the accuracy of the peer, or None.
    """

    out: Path
    threads: int = 0
    effort: float = 1.0
    minutes: float = 1.0
    clips: Path | None = None
    data: Path | None = None

    def repeats(self, number: int) -> int:
        """A number of repetitions, scaled by the effort; at least 3."""
        return max(round(number * self.effort), 3)
