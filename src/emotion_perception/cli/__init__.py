"""The command `emotion`; no ROS is needed but for `emotion nodes`."""
