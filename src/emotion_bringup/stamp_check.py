"""Notices stamps that cannot be trusted, and says so once."""

from rclpy.impl.rcutils_logger import RcutilsLogger


class StampCheck:
    """Looks at the stamps of one image stream; each kind of fault is told once, not per image."""

    def __init__(self, logger: RcutilsLogger) -> None:
        """Stores the node.

        Args:
            logger: Where the warnings go.
        """
        self._logger = logger
        self._last_ns: int | None = None
        self._told: set[str] = set()

    def restart(self) -> None:
        """A new stream starts: any stamp may come first, and every fault is told anew."""
        self._last_ns = None
        self._told.clear()

    def is_repeated(self, stamp_ns: int, consequence: str) -> bool:
        """Takes the next image's stamp and says whether it is the last one's, and not zero.

        Args:
            stamp_ns: The stamp in nanoseconds; 0 is none.
            consequence: What becomes of an image with a repeated stamp.
        """
        last_ns, self._last_ns = self._last_ns, stamp_ns
        if not stamp_ns:
            self._tell('Images have no stamp: the time of arrival is used to follow faces.')
            return False
        if stamp_ns == last_ns:
            self._tell(f'Two images with the stamp {stamp_ns} ns: {consequence}.', 'repeated')
        return stamp_ns == last_ns

    def _tell(self, sentence: str, kind: str = 'none') -> None:
        if kind not in self._told:
            self._told.add(kind)
            self._logger.warning(sentence)
