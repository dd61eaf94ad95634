"""What a stream of results says: latency, loss and lag."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.distribution import Distribution, describe, slope
from benchmarks.live.streams import Arrival

_WARM_UP_S = 0.5
_MIN_ANSWERED = 0.99
# Milliseconds that the latency may grow in a second of a sustained rate: less than the noise.
_MAX_LAG_MS_PER_S = 2.0


@dataclass(frozen=True, slots=True)
class StreamReport:
    """One segment.

    Attributes:
        latency: From stamp to arrival in milliseconds; None when nothing was answered.
        answered: Share of the published frames that were answered, 0..1.
        rate: Results per second.
        lag: Growth of the latency in milliseconds per second.
        faces: Mean number of faces.
    """

    latency: Distribution | None
    answered: float
    rate: float
    lag: float
    faces: float

    @property
    def sustained(self) -> bool:
        """Whether practically every frame was answered and the lag did not grow."""
        return self.answered >= _MIN_ANSWERED and self.lag <= _MAX_LAG_MS_PER_S


def steady_results(results: Sequence[Arrival]) -> list[Arrival]:
    """Results without those of the first half second; all of them where that leaves none."""
    start_ns = min(result.stamp_ns for result in results) + _WARM_UP_S * 1e9
    return [result for result in results if result.stamp_ns >= start_ns] or list(results)


def report(results: Sequence[Arrival], published: int, *, streams: int = 1) -> StreamReport:
    """Summarises the results of one segment; its first half second is left out.

    Args:
        results: Results of all streams.
        published: Frames published on each stream.
        streams: Number of streams.
    """
    if not results:
        return StreamReport(None, 0.0, 0.0, 0.0, 0.0)
    steady = steady_results(results)
    first_ns = min(result.stamp_ns for result in results)
    seconds = [(result.stamp_ns - first_ns) / 1e9 for result in steady]
    latencies = [result.latency_ms for result in steady]
    span_s = max(seconds) - min(seconds)
    return StreamReport(
        latency=describe(latencies),
        answered=len(results) / max(published * streams, 1),
        rate=(len(steady) - streams) / span_s if span_s else 0.0,
        lag=slope(seconds, latencies),
        faces=sum(result.faces for result in steady) / len(steady),
    )
