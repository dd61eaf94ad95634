"""The emotion node and the REP-155 (ROS4HRI) bridge, for a robot with a camera of its own.

`ros2 launch emotion_bringup humans.launch.py image:=/my_camera/image_raw` (docs/ros4hri.md); with
`faces:=other` the expressions alone, for faces that another package finds.
"""

from launch.action import Action
from launch.actions import DeclareLaunchArgument, OpaqueFunction

from emotion_bringup.launching import common_arguments, dds_profile, emotion_node, node, text
from launch import LaunchContext, LaunchDescription

_MODE = 'live'


def generate_launch_description() -> LaunchDescription:
    """The arguments stand here, at the top level, so that `--show-args` lists them."""
    return LaunchDescription(
        [
            *common_arguments(),
            DeclareLaunchArgument(
                'image',
                default_value='camera/image_raw',
                description='image topic of the camera; relative ones lie in the namespace',
            ),
            DeclareLaunchArgument(
                'faces',
                default_value='own',
                choices=['own', 'other'],
                description='own finds faces in the image; other adds expressions to the faces '
                'that another package finds and cuts out',
            ),
            DeclareLaunchArgument(
                'humans_topic',
                default_value='',
                description='where people are published; empty takes the file, then /humans',
            ),
            *dds_profile(),
            OpaqueFunction(function=_nodes),
        ]
    )


def _nodes(context: LaunchContext) -> list[Action]:
    bridge = {'mode': _MODE, 'humans_topic': text(context, 'humans_topic')}
    if text(context, 'faces') == 'other':
        networks = {'model_path': text(context, 'model'), 'labels': text(context, 'labels')}
        return [node(context, 'expression_node', bridge | networks)]
    image = text(context, 'image')
    return [
        emotion_node(context, _MODE, image),
        node(context, 'humans_bridge', bridge, remappings=[('image', image)]),
    ]
