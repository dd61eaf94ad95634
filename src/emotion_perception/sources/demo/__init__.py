"""A made-up clip of two real faces, for trying everything without a camera.

The faces are the portraits of the astronaut Eileen Collins that scikit-image carries (NASA) and of
the computer scientist Grace Hopper that Matplotlib carries (U.S. Navy), both in the public domain,
cut out and moved over a calm studio backdrop. Their other expressions are made by moving parts of
the photographs: they say nothing about what these two people felt.
"""

from emotion_perception.sources.demo.clip import (
    FRAME_COUNT,
    FRAME_RATE,
    HEIGHT,
    WIDTH,
    DemoSource,
    example_images,
    face_boxes,
    faces_expected,
    has_partial_face,
)

__all__ = [
    'FRAME_COUNT',
    'FRAME_RATE',
    'HEIGHT',
    'WIDTH',
    'DemoSource',
    'example_images',
    'face_boxes',
    'faces_expected',
    'has_partial_face',
]
