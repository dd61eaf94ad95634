"""Emotions of a face: the network, its manifest, and what turns an image into its input."""
