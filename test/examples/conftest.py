"""Isolation of the examples that are ROS nodes."""

from domains import isolate

isolate()
