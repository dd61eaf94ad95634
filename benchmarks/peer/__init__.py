"""Side by side with the PyPI package `fer`, in the same run."""
