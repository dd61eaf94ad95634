"""Nothing that is read from a file or the network may bring code with it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ('src', 'training', 'benchmarks', 'examples', 'launch')
FILES = sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob('*.py'))
MODULES = {'pickle', 'cPickle', '_pickle', 'dill', 'cloudpickle', 'joblib', 'shelve', 'marshal'}
LOADERS = ('torch.load', 'torch.hub.load_state_dict_from_url', 'load_state_dict_from_url')
RESUMERS = ('trainer.fit', 'trainer.test')
YAML = ROOT / 'src' / 'emotion_perception' / 'files' / 'yaml_file.py'


def problems(tree, file):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom):
                names = [node.module or '']
            if any(name.split('.')[0] in MODULES for name in names):
                yield node, 'imports a module that runs code from files'
        elif isinstance(node, ast.Call):
            yield from ((node, why) for why in call_problems(node, file))


def call_problems(node, file):
    name = ast.unparse(node.func)
    keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
    if keywords.get('allow_pickle', 'False') != 'False':
        yield 'allows pickle'
    loads_torch = name in LOADERS or (name in RESUMERS and 'ckpt_path' in keywords)
    if loads_torch and keywords.get('weights_only') != 'True':
        yield 'loads more than weights'
    # The one place with a safe loader has its own tests; elsewhere only safe_load will do.
    if name in ('yaml.load', 'yaml.unsafe_load', 'yaml.full_load') and file != YAML:
        yield 'makes objects from YAML'
    if name in ('eval', 'exec', 'os.system') or keywords.get('shell') == 'True':
        yield 'runs text as code'


@pytest.mark.parametrize('folder', FOLDERS)
def test_no_pickle_and_no_text_run_as_code(folder):
    files = [file for file in FILES if file.is_relative_to(ROOT / folder)]
    assert files
    found = [
        f'{file.relative_to(ROOT)}:{node.lineno} {why}'
        for file in files
        for node, why in problems(ast.parse(file.read_text(encoding='utf-8')), file)
    ]
    assert not found


@pytest.mark.parametrize(
    'text',
    [
        'import pickle',
        'from joblib import load',
        'np.load(path, allow_pickle=True)',
        'torch.load(path)',
        'torch.load(path, weights_only=False)',
        'trainer.fit(model, ckpt_path=last)',
        'yaml.load(text, yaml.Loader)',
        'eval(text)',
        'subprocess.run(text, shell=True)',
    ],
)
def test_the_search_finds_what_it_looks_for(text):
    assert list(problems(ast.parse(text), ROOT / 'x.py'))
