"""Rosbags without ROS: reading and writing them with the `rosbags` package."""
