"""Services whose response comes later than the end of their callback.

rclpy sends what a callback returns. A callback that is a coroutine may wait, but until it has ended
it holds up all others of its group, and the executor calls it again and again without a pause.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.service import Service


class LateResponse:
    """What a callback returns in place of a response that it does not know yet.

    Attributes:
        send: Sends the response once it is known; there after the callback has returned.
    """

    send: Callable[[Any], None]


def allow_late_responses(service: Service) -> None:
    """Lets the callback of a service return a `LateResponse`."""
    send = service.send_response

    def send_or_wait(response: Any, header: Any) -> None:
        if isinstance(response, LateResponse):
            response.send = partial(send, header=header)
        else:
            send(response, header)

    service.send_response = send_or_wait  # type: ignore[method-assign]
