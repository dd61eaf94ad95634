"""Files without an end or of a size that fills the memory, in every place that reads one."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from emotion_perception.cli.main import main
from emotion_perception.errors import ModelError
from emotion_perception.files.bounded import left_beside, new_beside, read_bounded
from emotion_perception.files.resources import replace_file
from emotion_perception.inference.onnx_session import ProviderSettings, create_session
from emotion_perception.sources import open_source

SOURCE_FOLDER = Path(__file__).parents[2] / 'src'
SPARSE = 20 << 30


def pipe(folder, name):
    os.mkfifo(folder / name)
    return folder / name


def zeros(folder, name):
    (folder / name).symlink_to('/dev/zero')
    return folder / name


def sparse(folder, name):
    with (folder / name).open('wb') as file:
        file.truncate(SPARSE)
    return folder / name


# In a process of its own, which may not take more memory than this.
LIMITED = f"""
import resource, sys
from emotion_perception.cli.main import main
resource.setrlimit(resource.RLIMIT_DATA, ({3 << 30}, {3 << 30}))
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize('make', [pipe, zeros, sparse])
@pytest.mark.parametrize(
    ('command', 'name'),
    [
        *(('image', name) for name in ('a.png', 'a.jpg')),
        *(('video', name) for name in ('a.png', 'a.gif', 'a.mp4', 'a.mcap', 'a.db3', 'a.bag')),
        ('annotate-bag', 'a.bag'),
    ],
)
def test_what_has_no_end_is_refused_in_one_sentence(tmp_path, tiny_model, make, command, name):
    path = make(tmp_path, name)
    words = [command, path, *([tmp_path / 'out'] if command == 'annotate-bag' else [])]
    done = subprocess.run(
        [sys.executable, '-c', LIMITED, *map(str, words), '--model', str(tiny_model)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env={**os.environ, 'PYTHONPATH': str(SOURCE_FOLDER)},
    )
    assert done.returncode == 1, done.stderr
    sentence = done.stderr.splitlines()[-1]
    assert 'Traceback' not in done.stderr
    assert sentence.startswith('error: ') and str(path) in sentence


@pytest.mark.parametrize('make', [pipe, zeros, sparse])
def test_a_model_without_an_end_is_refused(tmp_path, photo, tiny_model, make, capsys):
    model = make(tmp_path, 'a.onnx')
    manifest = tiny_model.with_suffix('.json').read_text().replace(tiny_model.name, model.name)
    model.with_suffix('.json').write_text(manifest)
    assert main(['image', str(photo), '--model', str(model)]) == 1
    assert f'error: Model file {model} ' in capsys.readouterr().err


def test_a_folder_with_a_pipe_among_its_images_is_read(tmp_path, portrait):
    import cv2

    cv2.imwrite(str(tmp_path / 'a.png'), portrait)
    pipe(tmp_path, 'b.png')
    with open_source(str(tmp_path)) as source:
        assert len(list(source)) == 1


def test_files_are_read_whole_or_refused(tmp_path):
    file = tmp_path / 'a'
    file.write_bytes(b'12345')
    assert read_bounded(file, 5) == b'12345'
    with pytest.raises(OSError, match='at most 0 are read') as caught:
        read_bounded(file, 4)
    assert caught.value.errno == errno.EFBIG
    with pytest.raises(IsADirectoryError):
        read_bounded(tmp_path, 5)


@pytest.mark.parametrize(
    ('option', 'name'),
    [('--json', 'out.jsonl'), ('--output', 'out.mp4')],
)
def test_an_output_that_nobody_reads_is_not_waited_for(
    tmp_path, tiny_model, photo, capsys, option, name
):
    path = pipe(tmp_path, name)
    assert main(['video', str(photo), option, str(path), '--model', str(tiny_model)]) == 1
    (error,) = [line for line in capsys.readouterr().err.splitlines() if 'error' in line]
    assert f'{path} cannot be written (it is a pipe that nobody reads): ' in error


def test_a_pipe_that_is_read_gets_lines_and_no_video(tmp_path, tiny_model, photo, capsys):
    path, film = pipe(tmp_path, 'out.jsonl'), pipe(tmp_path, 'out.mp4')
    readers = [os.open(each, os.O_RDONLY | os.O_NONBLOCK) for each in (path, film)]
    words = ['video', str(photo), '--model', str(tiny_model)]
    assert main([*words, '--json', str(path)]) == 0
    assert os.read(readers[0], 1000).endswith(b'}\n')
    assert main([*words, '--output', str(film)]) == 1
    assert 'it is a pipe)' in capsys.readouterr().err
    for reader in readers:
        os.close(reader)


def test_nobody_can_foresee_the_name_of_an_unfinished_file(tmp_path):
    first, second = new_beside(tmp_path / 'a.mp4'), new_beside(tmp_path / 'a.mp4')
    assert first != second
    assert first.suffix == '.mp4' and first.name.startswith('.a.')
    assert new_beside(tmp_path / f'{100 * "ü"}.json').exists()
    assert first.stat().st_mode & 0o777 == 0o666 & ~umask()


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_link_in_the_way_of_an_unfinished_file_is_not_followed(tmp_path, monkeypatch):
    victim = tmp_path / 'victim'
    victim.write_text('mine')
    monkeypatch.setattr('secrets.token_hex', lambda _: 'guessed')
    (tmp_path / '.a.guessed.json').symlink_to(victim)
    with pytest.raises(FileExistsError):
        replace_file(tmp_path / 'a.json', b'theirs')
    assert victim.read_text() == 'mine'
    assert not (tmp_path / 'a.json').exists()


def endless_model():
    body = helper.make_graph(
        [helper.make_node('Identity', ['go'], ['on']), helper.make_node('Identity', ['x'], ['y'])],
        'body',
        [
            helper.make_tensor_value_info('i', TensorProto.INT64, []),
            helper.make_tensor_value_info('go', TensorProto.BOOL, []),
            helper.make_tensor_value_info('x', TensorProto.FLOAT, [1]),
        ],
        [
            helper.make_tensor_value_info('on', TensorProto.BOOL, []),
            helper.make_tensor_value_info('y', TensorProto.FLOAT, [1]),
        ],
    )
    always = helper.make_tensor('always', TensorProto.BOOL, [], [True])
    graph = helper.make_graph(
        [helper.make_node('Loop', ['', 'always', 'input'], ['output'], body=body)],
        'endless',
        [helper.make_tensor_value_info('input', TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info('output', TensorProto.FLOAT, [1])],
        [always],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=9)


def test_a_model_that_may_never_end_is_refused():
    model = endless_model()
    onnx.checker.check_model(model)
    usual = model.SerializeToString()
    # The same, with a size that is written longer than need be.
    odd = usual.replace(b'\x22\x04Loop', b'\x22\x84\x00Loop')
    for data in (usual, odd):
        with pytest.raises(ModelError, match='has the operator Loop, which may never end'):
            create_session(data, ProviderSettings())


def test_two_outputs_may_not_be_one_file(tmp_path, photo, tiny_model, capsys):
    target = tmp_path / 'p.png'
    words = ['image', str(photo), '--json', str(target), '-o', str(target)]
    assert main([*words, '--model', str(tiny_model)]) == 1
    assert 'is read or written already' in capsys.readouterr().err
    assert not target.exists()


def test_escape_codes_in_a_name_reach_no_terminal(tmp_path, capsys):
    name = tmp_path / '\x1b[2J\x1b]0;x\x07.png'
    assert main(['image', str(name)]) == 1
    assert main(['video', str(name)]) == 1
    assert main(['live', '--no-window', str(name)]) == 1
    err = capsys.readouterr().err
    assert '\\x1b[2J' in err and '\x1b' not in err and '\x07' not in err


def test_what_nobody_finished_is_found_again(tmp_path):
    target = tmp_path / 'a[1].mp4'
    begun = {new_beside(target), new_beside(target)}
    for other in ('a[1].mp4', '.a[1].mp4', '.a[1].note.mp4', '.a1.0123456789abcdef.mp4'):
        (tmp_path / other).touch()
    new_beside(tmp_path / 'b.mp4')
    assert set(left_beside(target)) == begun
