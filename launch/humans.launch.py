"""The emotion node and the REP-155 (ROS4HRI) bridge, for a robot with a camera of its own.

`ros2 launch emotion_bringup humans.launch.py image:=/my_camera/image_raw` (docs/ros4hri.md); with
`faces:=other` the expressions alone, for faces that another package finds.
"""

from launch.action import Action
from launch.actions import OpaqueFunction

from emotion_bringup.launch_arguments import images_of, launch_arguments, text
from emotion_bringup.launching import check_package, emotion_node, node, people_node
from launch import LaunchContext, LaunchDescription

_MODE = 'live'


def generate_launch_description() -> LaunchDescription:
    """The arguments stand here, at the top level, so that `--show-args` lists them."""
    return LaunchDescription([*launch_arguments('humans'), OpaqueFunction(function=_nodes)])


def _nodes(context: LaunchContext) -> list[Action]:
    check_package('hri_msgs')
    bridge = {'mode': _MODE, 'humans_topic': text(context, 'humans_topic')}
    if text(context, 'faces') == 'other':
        networks = {'model_path': text(context, 'model'), 'labels': text(context, 'labels')}
        return [node(context, 'expression_node', bridge | networks)]
    images = images_of(context)
    return [
        emotion_node(context, _MODE, images),
        *people_node(context, _MODE),
        node(context, 'humans_bridge', bridge, images=images),
    ]
