"""Names of the message types that bags are read and written with."""

from typing import Final

IMAGE_TYPE: Final = 'sensor_msgs/msg/Image'
COMPRESSED_IMAGE_TYPE: Final = 'sensor_msgs/msg/CompressedImage'
IMAGE_TYPES: Final = (IMAGE_TYPE, COMPRESSED_IMAGE_TYPE)
FACE_ARRAY_TYPE: Final = 'emotion_msgs/msg/FaceEmotionArray'
