"""The topics of one face under /humans/faces/<id>: needs the package hri_msgs."""

from collections.abc import Callable
from typing import Any

from hri_msgs.msg import (
    EngagementLevel,
    Expression,
    FacialLandmarks,
    NormalizedRegionOfInterest2D,
)
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from emotion_bringup import qos
from emotion_bringup.conversion import fill_image_message
from emotion_bringup.interop.humans import (
    engagement_message,
    expression_message,
    landmarks_message,
    region_message,
)
from emotion_bringup.parameter_tables import LIVE
from emotion_bringup.parameters import value_of
from emotion_perception.heads.landmarks import landmarks_70
from emotion_perception.heads.networks import HeadNetworks
from emotion_perception.inference.alignment import aligned_portrait, cropped_portrait
from emotion_perception.tracking.engagement import Engagement
from emotion_perception.types import BgrImage, Detection, Face


class FaceTopics:
    """Publishers of one face, from its appearance until it is forgotten, and its engagement.

    Their profiles cannot be overridden by parameters: every face would leave parameters behind.

    Attributes:
        face_id: Its id in REP-155.
        engagement: Whether it looks into the camera.
    """

    def __init__(
        self, node: Node, faces_topic: str, face_id: str, networks: HeadNetworks | None = None
    ) -> None:
        """Creates the publishers.

        Args:
            node: Owns them; has the parameter `mode`.
            faces_topic: Name above those of all faces, such as /humans/faces.
            face_id: Its id, such as f1.
            networks: Find all landmarks in the images; without them those of the results are passed
                on.
        """
        self._node, self._networks = node, networks
        mode: str = value_of(node, 'mode')
        self.face_id, self.engagement = face_id, Engagement()
        topic = f'{faces_topic}/{face_id}'

        def publisher(message_type: Any, name: str, profile: Any) -> Any:
            return node.create_publisher(message_type, f'{topic}/{name}', profile)

        self._region = publisher(NormalizedRegionOfInterest2D, 'roi', qos.emotions(mode))
        self._expression = publisher(Expression, 'expression', qos.emotions(mode))
        self._landmarks = publisher(FacialLandmarks, 'landmarks', qos.emotions(mode))
        self._engagement = publisher(EngagementLevel, 'engagement_status', qos.emotions(mode))
        self._cropped = publisher(Image, 'cropped', qos.image_out(LIVE))
        self._aligned = publisher(Image, 'aligned', qos.image_out(LIVE))

    @property
    def is_watched(self) -> bool:
        """Whether anything of this face is subscribed to."""
        return any(publisher.get_subscription_count() for publisher in self._publishers)

    @property
    def wants_images(self) -> bool:
        """Whether anything is subscribed to that is made of the image."""
        made = (self._cropped, self._aligned) + (self._landmarks,) * bool(self._networks)
        return any(publisher.get_subscription_count() for publisher in made)

    def publish_results(self, header: Header, face: Face, width: int, height: int) -> None:
        """Publishes what is known without the image.

        Args:
            header: Header of the image.
            face: The face.
            width: Width of the image in pixels.
            height: Height of the image in pixels.
        """
        _publish(self._region, lambda: region_message(header, face, width, height))
        _publish(self._expression, lambda: expression_message(header, face.probabilities))
        if self._networks is None:
            _publish(self._landmarks, lambda: landmarks_message(header, face, width, height))
        level = self.engagement.level
        _publish(self._engagement, lambda: engagement_message(header, level))

    def publish_images(
        self, message: Image, image: BgrImage, header: Header, face: Face, size: tuple[int, int]
    ) -> None:
        """Publishes the face's images, and the landmarks that are found in them.

        Raises:
            ModelError: A network for the landmarks is missing or damaged.

        Args:
            message: Is filled and published; its buffer is used again.
            image: The image that the face was found in.
            header: Its header.
            face: The face.
            size: Width and height of the images in pixels.
        """

        def filled(portrait: BgrImage) -> Image:
            fill_image_message(message, portrait, header)
            return message

        found = Detection(face.box, face.score, face.landmarks)
        _publish(self._cropped, lambda: filled(cropped_portrait(image, face.box, *size)))
        _publish(self._aligned, lambda: filled(aligned_portrait(image, found, *size)))
        networks, (height, width) = self._networks, image.shape[:2]
        if networks is not None:

            def landmarks() -> FacialLandmarks:
                points = landmarks_70(networks, image, found)
                return landmarks_message(header, face, width, height, points)

            _publish(self._landmarks, landmarks)

    def destroy(self) -> None:
        """Ends all publishers."""
        for publisher in self._publishers:
            self._node.destroy_publisher(publisher)

    @property
    def _publishers(self) -> tuple[Any, ...]:
        results = (self._region, self._expression, self._landmarks, self._engagement)
        return (*results, self._cropped, self._aligned)


def _publish(publisher: Any, make: Callable[[], Any]) -> None:
    """Publishes what somebody listens to; nothing else is made."""
    if publisher.get_subscription_count():
        publisher.publish(make())
