"""Notices that a topic has more than one publisher where one is meant."""

import os
from pathlib import Path
from typing import Final

from rclpy.node import Node
from rclpy.topic_endpoint_info import TopicEndpointInfo

# Bytes of Fast DDS's endpoint ids: who made it, on which machine, in which process (the lower half
# of its number).
_VENDOR: Final = slice(0, 2)
_HOST: Final = slice(2, 4)
_PROCESS: Final = slice(4, 6)
_EPROSIMA: Final = b'\x01\x0f'
_OF_EVERY_NODE: Final = '/parameter_events'
# Two in a row: a publisher that ends as it should is still listed for a moment.
_CHECKS: Final = 2
# What rmw calls a node whose name has not come yet, and how many checks it is waited for.
_UNKNOWN: Final = '_NODE_NAME_UNKNOWN_'
_CHECKS_FOR_NAMES: Final = 10


class SharedTopicWatch:
    """Warns once while several nodes publish a topic, and says when that is over."""

    def __init__(self, node: Node, topic: str, consequence: str) -> None:
        """Looks at nothing yet.

        Args:
            node: Node whose logger and graph are used; its own id tells what is of this machine.
            topic: Full name.
            consequence: What follows and what to do, to end the sentence.
        """
        self._node = node
        self._topic = topic
        self._consequence = consequence
        self._seen = 0
        self._is_warned = False

    def problem(self) -> str:
        """Who publishes the topic, and what follows; empty while it is one node at most."""
        if self._node.count_publishers(self._topic) < 2:
            return self._fine()
        names = self._publishers()
        if len(names) < 2:
            return self._fine()
        self._seen += 1
        are_known = not any(_UNKNOWN in name for name in names)
        if self._seen < (_CHECKS if are_known else _CHECKS_FOR_NAMES):
            return ''
        sentence = (
            f'{len(names)} publishers are on {self._topic} ({", ".join(sorted(names))}): '
            f'{self._consequence}'
        )
        if not self._is_warned:
            self._is_warned = True
            self._node.get_logger().warning(sentence)
        return sentence

    def _fine(self) -> str:
        if self._is_warned:
            self._node.get_logger().info(f'{self._topic} has one publisher again.')
        self._seen, self._is_warned = 0, False
        return ''

    def _publishers(self) -> list[str]:
        """Full names of the nodes, without those of killed processes, which DDS lists for 20 s.

        Only Fast DDS writes into an endpoint's id where it comes from; those of others count as
        alive.
        """
        here = self._host_ids()
        living = _living()
        return [
            f'{each.node_namespace.rstrip("/")}/{each.node_name}'
            for each in self._node.get_publishers_info_by_topic(self._topic)
            if not (_host(each) in here and _process(each) not in living)
        ]

    def _host_ids(self) -> set[bytes]:
        """How Fast DDS calls this machine: as in the endpoints of this process."""
        endpoints = self._node.get_publishers_info_by_topic(_OF_EVERY_NODE)
        mine = _lower_half(os.getpid())
        return {_host(each) for each in endpoints if _process(each) == mine and _host(each)}


def _host(endpoint: TopicEndpointInfo) -> bytes:
    gid = bytes(endpoint.endpoint_gid)
    return gid[_HOST] if gid[_VENDOR] == _EPROSIMA else b''


def _process(endpoint: TopicEndpointInfo) -> bytes:
    return bytes(endpoint.endpoint_gid)[_PROCESS]


def _living() -> set[bytes]:
    return {_lower_half(int(folder.name)) for folder in Path('/proc').glob('[0-9]*')}


def _lower_half(pid: int) -> bytes:
    return (pid & 0xFFFF).to_bytes(2, 'little')
