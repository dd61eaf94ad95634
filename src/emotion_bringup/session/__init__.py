"""`emotion nodes`: the three nodes as processes, watched by a fourth, without `ros2 launch`."""
