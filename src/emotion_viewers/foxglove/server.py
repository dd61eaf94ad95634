"""Serves the channels to Foxglove over a WebSocket."""

from collections.abc import Callable
from typing import Any, Final

from emotion_viewers.foxglove import FoxgloveError
from emotion_viewers.foxglove.channels import EmotionChannels

LOOPBACK: Final = '127.0.0.1'
DEFAULT_PORT: Final = 8765
"""The port that Foxglove proposes."""

# Two seconds of three channels at 30 Hz: for a slower reader the oldest messages are dropped, so
# that it sees what is, and memory stays flat.
_BACKLOG: Final = 180


class FoxgloveServer:
    """A WebSocket server that any number of viewers may connect to.

    Args:
        channels: What to serve.
        address: Address to listen on; the loopback one keeps other machines out.
        port: TCP port; 0 takes any free one.
        on_demand: Called from a thread of the server when a viewer starts or ends to read.

    Raises:
        FoxgloveError: The address or the port cannot be had.
    """

    def __init__(
        self,
        channels: EmotionChannels,
        address: str = LOOPBACK,
        port: int = DEFAULT_PORT,
        on_demand: Callable[[], None] = lambda: None,
    ) -> None:
        import foxglove

        self._address = address
        self._channels = channels  # they close when nobody holds them
        listener: Any = _DemandListener(on_demand)  # the SDK's protocol has a dozen methods more
        try:
            self._server = foxglove.start_server(
                name='emotion_bringup',
                host=address,
                port=port,
                server_listener=listener,
                context=channels.context,
                message_backlog_size=_BACKLOG,
            )
        except RuntimeError as error:
            raise FoxgloveError(
                f'Foxglove cannot be served on {address}, port {port} ({_reason_of(error)}): '
                'set `port` to another, or `address` to one of this machine.'
            ) from error

    @property
    def url(self) -> str:
        """What to enter in Foxglove under 'Open connection'."""
        host = f'[{self._address}]' if ':' in self._address else self._address
        return f'ws://{host}:{self._server.port}'

    def stop(self) -> None:
        """Closes all connections; a second call does nothing."""
        self._server.stop()


class _DemandListener:
    """Tells that the set of topics which are read has changed; viewers may do nothing else."""

    def __init__(self, on_demand: Callable[[], None]) -> None:
        self._on_demand = on_demand

    def on_subscribe(self, client: Any, channel: Any) -> None:
        """A viewer starts to read a topic."""
        self._on_demand()

    def on_unsubscribe(self, client: Any, channel: Any) -> None:
        """A viewer no longer reads a topic, or has gone."""
        self._on_demand()


def _reason_of(error: BaseException) -> str:
    """The cause in the SDK's words, without the prefix of its error types."""
    return str(error).removeprefix('FoxgloveError: ').removeprefix('Failed to bind port: ')
