"""Tells one process of a node from the next by the numbers of its messages."""


class LifeCounter:
    """Counts the lives of a node that publishes several streams of messages.

    A publisher numbers its messages from 1, so a number that does not rise begins a new life. The
    publishers' own names would say the same, but rclpy tells them only from Kilted on.
    """

    def __init__(self) -> None:
        self._life = 0
        self._last: dict[str, int] = {}

    def life_of(self, stream: str, number: int) -> int:
        """The life, counted from 1, that a message belongs to.

        Args:
            stream: One publisher of the node.
            number: The middleware's number of the message, from 1.
        """
        if not self._life or number <= self._last.get(stream, 0):
            self._life += 1
            self._last.clear()
        self._last[stream] = number
        return self._life
