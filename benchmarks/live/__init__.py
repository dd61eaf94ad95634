"""The nodes as processes of their own, over real DDS."""
