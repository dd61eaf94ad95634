"""What of an address is shown, and secrets that it names."""

import pytest

from emotion_perception.address import shown_source, shown_text, with_secrets
from emotion_perception.cli.main import main
from emotion_perception.errors import SourceError
from emotion_perception.sources import is_live, open_source

SHOWN = {
    'rtsp://admin:s3cret@10.0.0.7:554/live': 'rtsp://10.0.0.7:554/live',
    'http://admin:s3@cret@cam/video': 'http://cam/video',
    'rtsp://admin:s3/cret@cam/video': 'rtsp://***@cam/video',
    'rtsp://admin:3/s3cret@cam/video': 'rtsp://***@cam/video',
    'rtsp://admin:s3?cret@cam/video': 'rtsp://***@cam/video',
    'http://s3cret@cam': 'http://cam',
    'http://cam/v?user=s3cret&channel=1&password=s3c=ret': (
        'http://cam/v?user=***&channel=1&password=***'
    ),
    'http://cam/v?loginuse=s3cret&loginpas=s3cret/?x': 'http://cam/v?loginuse=***&loginpas=***',
    'http://cam/v?access_token=s3cret;rate=5': 'http://cam/v?access_token=***;rate=5',
    'http://cam/v?PWD=s3cret#s3cret': 'http://cam/v?PWD=***',
    'http://cam?apiKey=s3cret': 'http://cam?apiKey=***',
    'rtsp://cam/user=s3cret_password=s3cret_channel=1.sdp?real': 'rtsp://cam/user=***?real',
    'rtsp://cam/user=s3cret&password=s3cret&channel=1': 'rtsp://cam/user=***&password=***&channel=1',
    'rtsp://${USER}:${S3CRET}@cam/': 'rtsp://cam/',
    # Written wrongly, and told as a path that does not exist.
    'rtsp:/admin:s3cret@cam/': '***@cam/',
    'rtsp:admin:s3cret@cam/': '***@cam/',
    'admin:s3@cret@cam/video': '***@cam/video',
    # Nothing is hidden that is no secret.
    'http://[fe80::1]:80/video': 'http://[fe80::1]:80/video',
    'udp://0.0.0.0:5000?overrun_nonfatal=1': 'udp://0.0.0.0:5000?overrun_nonfatal=1',
    'file:///data/user=anna/a.mp4': 'file:///data/user=anna/a.mp4',
    '/data/user=anna/12:30.mp4': '/data/user=anna/12:30.mp4',
    'me@home.mp4': 'me@home.mp4',
    '${CAMERA}': '${CAMERA}',
    '0': '0',
}


@pytest.mark.parametrize(('source', 'shown'), SHOWN.items())
def test_what_is_shown_of_a_source(source, shown):
    assert shown_source(source) == shown
    assert 's3' not in shown


def test_addresses_in_the_text_of_a_library():
    text = "Couldn't parse 'rtsp://a:b@c/d?pwd=e', nor \"http://f@g\"."
    assert shown_text(text) == "Couldn't parse 'rtsp://c/d?pwd=***', nor \"http://g\"."


def test_secrets_come_from_the_environment(monkeypatch):
    monkeypatch.setenv('CAM_PASSWORD', 'a/b@c?')
    monkeypatch.setenv('CAM', 'rtsp://user:x@cam/live')
    named = 'rtsp://u:${CAM_PASSWORD}@cam/${CAM_PASSWORD}'
    assert with_secrets(named) == 'rtsp://u:a%2Fb%40c%3F@cam/a%2Fb%40c%3F'
    assert with_secrets('${CAM}') == 'rtsp://user:x@cam/live'
    assert is_live('${CAM}')
    assert with_secrets('/data/${CAM}.mp4') == '/data/${CAM}.mp4'


@pytest.mark.parametrize('source', ['${NO_SUCH}', 'http://a:${NO_SUCH}@cam/'])
def test_a_variable_that_is_not_set_is_told(source):
    with pytest.raises(SourceError, match='variable NO_SUCH, which is not set'):
        open_source(source)


# Nobody listens at port 1.
WRONG = [
    'http://admin:s3cret@127.0.0.1:1/video?pwd=s3cret',
    'rtsp://admin:s3cret@127.0.0.1:1/user=s3cret',
    'gopher://admin:s3cret@cam/',
    'rtsp:/admin:s3cret@cam/video',
    'admin:s3cret@cam/video',
    'admin:s3cret@cam/*.png',
    f'admin:s3cret@cam/{5000 * "x"}',
]


@pytest.mark.parametrize('source', WRONG)
@pytest.mark.parametrize('command', ['video', 'live', 'image', 'batch', 'annotate-bag'])
def test_no_error_of_a_command_holds_the_password(command, source, tmp_path, capfd):
    more = {
        'live': ['--no-window'],
        'batch': ['--out', str(tmp_path / 'out')],
        'annotate-bag': [str(tmp_path / 'out')],
    }
    assert main([command, source, *more.get(command, [])]) == 1
    out, err = capfd.readouterr()
    assert 'error: ' in err
    assert 's3cret' not in out + err
    assert not [path for path in tmp_path.rglob('*.*') if 's3cret' in path.read_text()]


def test_a_secret_of_the_environment_is_in_no_error(monkeypatch, capfd):
    monkeypatch.setenv('CAM', 'http://127.0.0.1:1/s3cret/video')
    assert main(['live', '--no-window', '${CAM}']) == 1
    assert main(['live', '--no-window', 'http://127.0.0.1:1/${CAM}']) == 1
    assert 's3cret' not in capfd.readouterr().err
