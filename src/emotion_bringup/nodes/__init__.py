"""The camera node, the emotion node and the overlay node."""
