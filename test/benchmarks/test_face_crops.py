"""The table of how crops of other detectors are read."""

import cv2
import numpy as np
import skimage.data

from benchmarks import face_crops


def test_crops_of_every_size_are_compared_with_the_whole_image(tmp_path, capsys):
    image = np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])
    cv2.imwrite(str(tmp_path / 'face.png'), image)
    assert face_crops.main([str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert 'Faces: 1' in out
    rows = [line.split('|')[1:-1] for line in out.splitlines() if '%' in line]
    # Somewhat larger than the face, which is what the documentation recommends.
    (row,) = (row for row in rows if row[0].strip() == '1.5')
    assert row[1].strip() == '100%'
    assert row[2].strip().startswith('100% (0.')


def test_a_folder_without_faces_is_told(tmp_path, capsys):
    cv2.imwrite(str(tmp_path / 'grey.png'), np.full((64, 64, 3), 128, np.uint8))
    assert face_crops.main([str(tmp_path)]) == 1
    assert 'no images of faces' in capsys.readouterr().err
