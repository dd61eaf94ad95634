"""Isolation of the examples that are ROS nodes."""

import os
import tempfile

from domains import free_domain

# Before rclpy is initialised anywhere: each test process has a DDS domain of its own.
os.environ['ROS_DOMAIN_ID'] = str(free_domain())
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
os.environ.setdefault('ROS_LOG_DIR', tempfile.mkdtemp(prefix='ros_log_'))

from emotion_bringup.environment import use_shipped_dds_profile

use_shipped_dds_profile()
