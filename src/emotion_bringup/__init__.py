"""ROS 2 nodes that publish the apparent emotion of every face in a camera's images."""
