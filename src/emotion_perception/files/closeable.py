"""Context management for what must be closed."""

from types import TracebackType
from typing import TypeVar

from emotion_perception.errors import EmotionPerceptionError

_Self = TypeVar('_Self', bound='Closeable')


class Closeable:
    """Closes itself at the end of a `with` block.

    When the block failed, an error of closing is dropped: the one that ended the block says more
    than the one of a half-written file.
    """

    def close(self) -> None:
        """Ends the work and frees what it held; a second call does nothing."""
        raise NotImplementedError

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except EmotionPerceptionError:
            if error is None:
                raise
