"""What all tests share."""

from emotion_perception.sources.capture import silence_opencv

# FFmpeg's log level is read once per process, with the first video that any test opens.
silence_opencv()
