"""Results in the messages that other packages read: vision_msgs and REP-155 (hri_msgs).

Neither package is required. Modules that import one say so in their first line, and are imported
only where it is installed.
"""
