"""The page to try it in: photos, videos and the webcam in a browser; no ROS is needed.

Everything but `page` and `server` works without Gradio and is tested without it.
"""
