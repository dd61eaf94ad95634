"""ament_python package `emotion_bringup`: the nodes, the ROS-free core and their files."""

import os
import sys
from pathlib import Path

from setuptools import find_packages, setup

PACKAGE = 'emotion_bringup'
MESSAGES = 'emotion_msgs'
ROOT = Path(__file__).resolve().parent


def share(folder, pattern):
    """One data_files entry: the matching files of a folder, installed below the package's share."""
    files = sorted(str(path) for path in Path(folder).glob(pattern) if path.is_file())
    return (f'share/{PACKAGE}/{folder}', files)


def say_where_the_messages_are():
    """Says in the output of `colcon build` that it does not see the messages.

    colcon looks for no package inside of a package: without a link to the messages it builds this
    one alone, and only a node would say that they are missing.
    """
    prefixes = os.environ.get('AMENT_PREFIX_PATH')
    if not prefixes or not {'install', 'develop'} & set(sys.argv):
        return
    marker = Path('share', 'ament_index', 'resource_index', 'packages', MESSAGES)
    if any((prefix / marker).exists() for prefix in map(Path, prefixes.split(os.pathsep))):
        return
    print(
        f'{MESSAGES} is neither installed nor in this workspace: colcon looks for no package '
        f'inside of {PACKAGE}. Run `ln -s {ROOT.name}/src/{MESSAGES} {ROOT.parent}/` '
        'and build again.',
        file=sys.stderr,
    )


def wishes(name):
    """The packages of requirements/<name>.in with their bounds, also of lists that it takes in."""
    found = []
    for line in (ROOT / 'requirements' / f'{name}.in').read_text(encoding='utf-8').splitlines():
        wish = line.partition(' #')[0].strip()
        if wish.startswith('-r '):
            found += wishes(wish[3:].removesuffix('.in'))
        elif wish and not wish.startswith('#'):
            found.append(wish)
    return found


# Without the one that only installs from a checkout. colcon looks at none of them: it takes what is
# there, as rosdep brought it.
RUNTIME = [wish for wish in wishes('runtime') if not wish.startswith('setuptools')]

say_where_the_messages_are()

setup(
    name=PACKAGE,
    version='0.1.0',
    package_dir={'': 'src'},
    packages=find_packages(
        'src', include=['emotion_bringup*', 'emotion_perception*', 'emotion_viewers*']
    ),
    package_data={
        'emotion_bringup': ['py.typed'],
        'emotion_perception': ['py.typed', 'sources/demo/*.png', 'sources/demo/*.jpg'],
        'emotion_viewers': ['py.typed', 'web/*.js'],
    },
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml', 'LICENSE']),
        share('launch', '*.launch.py'),
        share('config', '*'),
        share('config/security', '*'),
        share('config/foxglove', '*.json'),
        share('config/rqt', '*.perspective'),
        share('config/rviz', '*.rviz'),
        share('models', '*'),
        share('src/emotion_msgs/msg', '*.msg'),
    ],
    python_requires='>=3.10',
    install_requires=RUNTIME,
    extras_require={name: wishes(name) for name in ('foxglove', 'heic', 'ray', 'web', 'training')},
    zip_safe=False,
    maintainer='emotion_bringup maintainers',
    description='Facial emotions of every person in view, for ROS 2 robots.',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    keywords=['facial expression', 'emotion', 'face detection', 'robotics', 'ROS 2', 'FER-2013'],
    classifiers=[
        'Development Status :: 4 - Beta',
        'Intended Audience :: Developers',
        'Intended Audience :: Science/Research',
        'Operating System :: MacOS',
        'Operating System :: POSIX :: Linux',
        'Programming Language :: Python :: 3',
        'Programming Language :: Python :: 3 :: Only',
        *(f'Programming Language :: Python :: 3.{minor}' for minor in range(10, 15)),
        'Topic :: Scientific/Engineering :: Image Recognition',
        'Typing :: Typed',
    ],
    license='Apache-2.0',
    entry_points={
        'console_scripts': [
            'camera_node = emotion_bringup.main:camera_node',
            'emotion_node = emotion_bringup.main:emotion_node',
            'overlay_node = emotion_bringup.main:overlay_node',
            'humans_bridge = emotion_bringup.main:humans_bridge',
            'expression_node = emotion_bringup.main:expression_node',
            'people_node = emotion_bringup.main:people_node',
            'foxglove_node = emotion_bringup.main:foxglove_node',
            'emotion = emotion_perception.cli.main:main',
        ],
    },
)
