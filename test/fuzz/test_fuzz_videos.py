"""Video files: any bytes."""

import numpy as np
import pytest
from fuzzing import fuzz, mutated
from hypothesis import given
from hypothesis import strategies as st

from emotion_perception.outputs.video_writer import VideoWriter

pytest.importorskip('imageio_ffmpeg')


@pytest.fixture(scope='module')
def clips(tmp_path_factory, image):
    """Six frames as MP4, Matroska and AVI."""
    folder = tmp_path_factory.mktemp('clips')
    for suffix in ('.mp4', '.mkv', '.avi'):
        with VideoWriter(folder / f'clip{suffix}', 10, (64, 48)) as writer:
            for shift in range(6):
                writer.write(np.roll(image, 5 * shift, axis=1))
    return [file.read_bytes() for file in sorted(folder.iterdir())]


@fuzz(50)
@given(data=st.data())
def test_any_video_is_played_or_refused(child, clips, data):
    name = data.draw(st.sampled_from(('clip.mp4', 'clip.mkv', 'clip.avi', 'clip')))
    child.run('videos', 'media', data.draw(mutated(clips)), name=name)
