"""What a run leaves: records, videos, console lines and a window."""
