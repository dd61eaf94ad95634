"""The graph of nodes: what there is, in which namespace, and which topics are connected.

One description for all that start nodes: the executables, `ros2 launch` and `emotion nodes`.
Nothing of ROS is imported here, so that a missing installation is reported in one sentence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from emotion_bringup.endings import ALWAYS, NEVER, Restartable, camera_restartable

CAMERA_IMAGE: Final = 'camera/image_raw'
"""Where the camera node's images are, below the robot's namespace."""

EMOTIONS: Final = 'emotions'
"""Topic of the results, below the robot's namespace."""

EVENTS: Final = 'emotions/events'
"""Topic of what happens on faces, below the robot's namespace."""

TARGET: Final = 'emotions/target'
"""Topic of the one person to attend to, below the robot's namespace."""

AUDIENCE: Final = 'emotions/audience'
"""Topic of all faces as a group, below the robot's namespace."""

ASK: Final = 'emotions/ask'
"""Service that tells of the faces of the next or last seconds, below the robot's namespace."""

FULL_SEARCH: Final = 'emotions/full_search'
"""While this topic has a subscriber, the whole of every image is searched for faces: who blurs the
faces that are found subscribes, because between two searches a new one would be seen."""


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One node.

    Attributes:
        module: Module of its class.
        class_name: Name of its class.
        namespace: Its namespace below the robot's; empty for that itself.
        reads_images: Whether its topic `image` is connected to a camera.
        reads_depth: Whether its topic `depth` may be connected to a depth camera.
        reads_results: Whether its topic `emotions` is connected to that outside its namespace.
        is_required: Whether nothing is left to do once it has ended.
        writes_images: Whether it publishes images, which need shared memory of their own.
        takes_cameras: Whether one process may hold it once for each of several cameras.
    """

    module: str
    class_name: str
    namespace: str = ''
    reads_images: bool = True
    reads_depth: bool = False
    reads_results: bool = False
    is_required: bool = False
    writes_images: bool = False
    takes_cameras: bool = False

    def remappings(self, image: str, emotions: str, depth: str = '') -> dict[str, str]:
        """Names of topics as ROS wants them remapped.

        Args:
            image: Topic of the images.
            emotions: Full name of the topic of results.
            depth: Topic of depth images that are aligned to the images; empty is none.
        """
        targets = (
            ('image', image, self.reads_images),
            (EMOTIONS, emotions, self.reads_results),
            ('depth', depth, self.reads_depth and bool(depth)),
        )
        return {name: target for name, target, is_read in targets if is_read}


_NODES: Final = 'emotion_bringup.nodes'

GRAPH: Final[Mapping[str, NodeSpec]] = {
    'camera_node': NodeSpec(
        f'{_NODES}.camera',
        'CameraNode',
        namespace='camera',
        reads_images=False,
        reads_results=True,  # to count its frames in flight
        is_required=True,
        writes_images=True,
    ),
    'emotion_node': NodeSpec(
        f'{_NODES}.emotion', 'EmotionNode', reads_depth=True, takes_cameras=True
    ),
    'overlay_node': NodeSpec(f'{_NODES}.overlay', 'OverlayNode', writes_images=True),
    'humans_bridge': NodeSpec(f'{_NODES}.humans_bridge', 'HumansBridgeNode', writes_images=True),
    'expression_node': NodeSpec(f'{_NODES}.expression', 'ExpressionNode', reads_images=False),
    'people_node': NodeSpec(f'{_NODES}.people', 'PeopleNode', reads_images=False),
    'foxglove_node': NodeSpec(f'{_NODES}.foxglove', 'FoxgloveNode'),
}
"""All nodes by the name of their executable."""


def restart_rule(
    name: str, *, is_live: bool = False, loop: bool = False, writes_file: bool = False
) -> Restartable:
    """The endings after which a node may be started again.

    Args:
        name: Of its executable.
        is_live: Whether the camera node has a camera or stream, not a file.
        loop: Whether a file starts again at its end.
        writes_file: Whether the node writes a video or recording, which it would begin anew.
    """
    if name == 'camera_node':
        return camera_restartable(live=is_live, loop=loop)
    return NEVER if writes_file else ALWAYS
