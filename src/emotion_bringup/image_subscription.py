"""The subscription to images that the emotion node and the overlay node share."""

from collections.abc import Callable

from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image

from emotion_bringup import qos
from emotion_bringup.fallback_subscription import FallbackSubscription
from emotion_bringup.parameter_tables import COMPRESSED
from emotion_bringup.parameters import value_of

ImageMessage = Image | CompressedImage

# As image_transport has it: the compressed form of an image topic, below it.
_TWIN = f'/{COMPRESSED}'


def is_compressed(topic: str) -> bool:
    """Whether a topic is the compressed form of an image topic."""
    return topic.endswith(_TWIN)


def transported(topic: str, transport: str) -> str:
    """The topic that is subscribed to.

    Args:
        topic: Full name of the image topic; one that is itself compressed says more than
            the transport does.
        transport: `raw` or `compressed`.
    """
    return f'{topic}{_TWIN}' if transport == COMPRESSED and not is_compressed(topic) else topic


class ImageSubscription(FallbackSubscription):
    """Listens to the topic `image` on demand, in the transport and mode of the node's parameters.

    A bag may offer its images best effort only.
    """

    def __init__(
        self,
        node: Node,
        callback: Callable[..., None],
        on_fallback: Callable[[], None] = lambda: None,
        on_publishers: Callable[[], None] = lambda: None,
    ) -> None:
        """Stores the callbacks; the subscriptions are made on demand.

        Args:
            node: Has the parameters `mode` and `image_transport`.
            callback: Gets every message, and its message info if it takes two arguments.
            on_fallback: Called when a publisher does not offer the reliability asked for.
            on_publishers: Called when a publisher has come or gone.

        Attributes:
            topic: Full name of the topic that is subscribed to.
            type_name: Its message type as ROS writes it, such as sensor_msgs/msg/Image.
        """
        mode: str = value_of(node, 'mode')
        transport: str = value_of(node, 'image_transport')
        self.topic = transported(node.resolve_topic_name('image'), transport)
        message_type = CompressedImage if is_compressed(self.topic) else Image
        self.type_name = f'sensor_msgs/msg/{message_type.__name__}'
        profiles = qos.image_in(mode), qos.image_fallback(mode)
        super().__init__(
            node, message_type, self.topic, callback, profiles, on_fallback, on_publishers
        )
