"""Where heads are in space, how they are turned, and where they look."""
