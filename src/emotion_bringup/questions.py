"""The service `emotions/ask`: the faces of the next or last seconds as one result."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from rclpy.node import Node
from std_msgs.msg import Header

from emotion_bringup.conversion import stamp_to_ns
from emotion_bringup.graph import ASK
from emotion_bringup.late_responses import LateResponse, allow_late_responses
from emotion_bringup.parameter_tables import LONGEST_QUESTION_S
from emotion_msgs.msg import FaceSummary as SummaryMessage
from emotion_msgs.srv import AskEmotions
from emotion_perception.labels import EMOTION_NAMES
from emotion_perception.tracking.summary import FaceHistory, FaceSummary
from emotion_perception.types import NS_PER_S, Face

# For so much longer images may take to cover the time that was asked for: the first ones come only
# once the publisher has been found.
_GRACE_S: Final = 1.0


@dataclass(slots=True)
class _Question:
    """One about the next seconds.

    Attributes:
        seconds: How many.
        asked_ns: When it came, by the node's clock.
        late: Takes the response.
        first_ns: Stamp of the first image since; None before it.
    """

    seconds: float
    asked_ns: int
    late: LateResponse
    first_ns: int | None = None


class Questions:
    """Takes questions and answers them from the results that the node reads for it."""

    def __init__(
        self, node: Node, history_s: Callable[[], float], on_asked: Callable[[], None]
    ) -> None:
        """Offers the service.

        Args:
            node: Offers it; its clock says when a question has waited long enough.
            history_s: Gives for how many seconds to remember results before they are asked for.
            on_asked: Called where a question about the next seconds has come: results are wanted.
        """
        self._node = node
        self._history_s = history_s
        self._on_asked = on_asked
        self._history = FaceHistory()
        self._header = Header()
        self._waiting: list[_Question] = []
        allow_late_responses(node.create_service(AskEmotions, ASK, self._on_question))

    @property
    def wants_results(self) -> bool:
        """Whether results are wanted, for a question or to remember them."""
        return bool(self._waiting) or self._history_s() > 0

    def forget(self) -> None:
        """Forgets the results so far: the next one may come much later."""
        self._history = FaceHistory()
        self._header = Header()

    def add(self, header: Header, faces: Sequence[Face]) -> None:
        """Takes the next result and answers the questions whose time is over.

        Args:
            header: Of the image.
            faces: In the image.
        """
        stamp_ns = stamp_to_ns(header.stamp)
        keep_s = max([self._history_s(), *(question.seconds for question in self._waiting)])
        self._history.add(faces, stamp_ns, keep_s + _GRACE_S)
        self._header = header
        for question in list(self._waiting):
            first_ns = stamp_ns if question.first_ns is None else question.first_ns
            question.first_ns = min(first_ns, stamp_ns)
            if stamp_ns - question.first_ns >= question.seconds * NS_PER_S:
                self._end(question)

    def end_overdue(self) -> None:
        """Answers the questions for which images have not come in time; call it now and then."""
        now_ns = self._node.get_clock().now().nanoseconds
        for question in list(self._waiting):
            longest_ns = (question.seconds + _GRACE_S) * NS_PER_S
            if not 0 <= now_ns - question.asked_ns <= longest_ns:
                self._end(question)

    def _on_question(
        self, request: AskEmotions.Request, response: AskEmotions.Response
    ) -> AskEmotions.Response | LateResponse:
        seconds = round(request.seconds, 3)  # 0.1 in 32 bits is more than 0.1
        response.message = self._refusal(seconds, request.wait)
        if response.message:
            return response
        if not request.wait:
            return self._response(self._history.newest_ns - round(seconds * NS_PER_S))
        late = LateResponse()
        now_ns = self._node.get_clock().now().nanoseconds
        self._waiting.append(_Question(seconds, now_ns, late))
        self._on_asked()
        return late

    def _refusal(self, seconds: float, wait: bool) -> str:
        """What is wrong with a question and what to do; empty where nothing is."""
        if not 0 < seconds <= LONGEST_QUESTION_S:
            return f'seconds must be above 0 and at most {LONGEST_QUESTION_S:g}, not {seconds:g}.'
        if not wait and seconds > self._history_s():
            return (
                f'The last {seconds:g} seconds are not remembered: set the parameter '
                f'ask_history of {self._node.get_name()} to as many before, or ask with wait for '
                'the next ones.'
            )
        return ''

    def _end(self, question: _Question) -> None:
        self._waiting.remove(question)
        question.late.send(self._response(question.first_ns))

    def _response(self, first_ns: int | None) -> AskEmotions.Response:
        if first_ns is None:
            return AskEmotions.Response(success=True)
        summary = self._history.since(first_ns)
        return AskEmotions.Response(
            success=True,
            header=self._header,
            images=summary.images,
            seconds=summary.seconds,
            faces=[_summary_message(face) for face in summary.faces],
        )


def _summary_message(face: FaceSummary) -> SummaryMessage:
    return SummaryMessage(
        track_id=face.track_id,
        share=face.share,
        emotion=EMOTION_NAMES[face.emotion_id],
        emotion_id=face.emotion_id,
        probabilities=face.probabilities,
        deviation=face.deviation,
    )
