"""The lines of a terminal that change while a session runs."""

from tqdm import tqdm

from emotion_perception.outputs.face_table import FaceTable
from emotion_perception.outputs.results import face_rows


def record(*faces):
    names = ('track_id', 'emotion', 'confidence')
    return {'faces': [dict(zip(names, face, strict=True)) for face in faces]}


def test_rows_keep_their_order_and_are_as_many_as_wanted():
    assert face_rows(record((3, 'Happy', 0.87), (1, 'Sad', 0.5)), 3) == [
        '#1   Sad         50 %  ##########',
        '#3   Happy       87 %  #################',
        '',
    ]
    assert face_rows(record(), 2) == ['no face', '']


def test_faces_without_a_row_are_counted():
    rows = face_rows(record(*((n, 'Neutral', 0.9) for n in range(7))), 3)
    assert [row[:2] for row in rows[:2]] == ['#0', '#1']
    assert rows[2] == 'and 5 more'


def test_table_is_cleared_and_lines_are_printed_above_it(capsys):
    with FaceTable() as table:
        table.show(record((1, 'Surprise', 0.9)))
        tqdm.write('a warning')
    shown = capsys.readouterr()
    assert '#1   Surprise    90 %' in shown.err
    assert shown.err.rindex(' ' * 20) > shown.err.rindex('#1   Surprise')
    assert shown.out == 'a warning\n'
