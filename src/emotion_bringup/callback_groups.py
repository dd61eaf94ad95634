"""Leaves nothing of publishers and subscriptions behind that come and go."""

from rclpy.node import Node


def forget_destroyed(node: Node) -> None:
    """Removes the references to destroyed entities from a node's callback group.

    rclpy's callback groups keep a weak reference to every entity that was ever added to them. A
    node that starts and stops listening for weeks would collect them without end.

    Args:
        node: Its publishers, subscriptions and event handlers live in the default callback group.
    """
    group = node.default_callback_group
    group.entities = {reference for reference in group.entities if reference() is not None}
