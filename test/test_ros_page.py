"""What docs/ros.md says exists."""

import re
from pathlib import Path
from xml.etree import ElementTree

import yaml

from emotion_bringup.parameter_tables import LAUNCH_ARGUMENTS, NODE_PARAMETERS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / 'docs' / 'ros.md').read_text(encoding='utf-8')
README = (ROOT / 'README.md').read_text(encoding='utf-8')


def blocks(language, start=''):
    return re.findall(rf'```{language}\n({re.escape(start)}.*?)```', PAGE, re.S)


def test_launch_files_and_their_arguments_exist():
    commands = re.findall(r'ros2 launch emotion_bringup (\S+)(.*)', PAGE + README)
    assert commands
    for file, arguments in commands:
        assert (ROOT / 'launch' / file).is_file()
        declared = {s.short_name for s in LAUNCH_ARGUMENTS[file.removesuffix('.launch.py')]}
        assert set(re.findall(r' (\w+):=', arguments)) <= declared


def test_all_three_launch_files_include_the_same_with_the_same_arguments():
    (in_python,), (in_xml,), (in_yaml,) = (
        blocks('python'),
        blocks('xml', '<launch>'),
        blocks('yaml', 'launch:'),
    )
    compile(in_python, 'own.launch.py', 'exec')
    include = ElementTree.fromstring(in_xml).find('group/include')
    arguments = {node.get('name'): node.get('value') for node in include.findall('arg')}
    group = yaml.safe_load(in_yaml)['launch'][0]['group']
    theirs = group[1]['include']
    assert {entry['name']: entry['value'] for entry in theirs['arg']} == arguments
    assert all(f"'{name}': '{value}'" in in_python for name, value in arguments.items())
    assert include.get('file') == theirs['file']
    assert include.get('file').rpartition('/')[2] in in_python


def test_nodes_and_parameters_exist():
    commands = re.findall(r'ros2 run emotion_bringup (\w+_node) (.*)', PAGE)
    assert len(commands) == 4
    for node, arguments in commands:
        names = {parameter.name for parameter in NODE_PARAMETERS[node]}
        assert set(re.findall(r'-p (\w+):=', arguments)) <= names


def test_parameters_of_one_camera_exist():
    (block,) = blocks('yaml', '/')
    ((name, content),) = yaml.safe_load(block).items()
    known = {parameter.name for parameter in NODE_PARAMETERS[name.rpartition('/')[2]]}
    assert set(content['ros__parameters']) <= known
