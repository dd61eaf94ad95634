"""Errors of the benchmarks that a user can mend."""

from emotion_perception.errors import EmotionPerceptionError


class BenchmarkError(EmotionPerceptionError):
    """A benchmark cannot run as it was asked for; the text says why and what to do."""
