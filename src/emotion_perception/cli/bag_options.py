"""Options of the subcommands that write copies of bags."""

import argparse

from emotion_perception.bags.annotate import EMOTIONS_TOPIC


def add_output_topic(parser: argparse.ArgumentParser) -> None:
    """Adds the option that names the topic of the emotions in a copy of a bag."""
    parser.add_argument(
        '--output-topic',
        type=_topic_name,
        default=EMOTIONS_TOPIC,
        metavar='TOPIC',
        help='topic of the emotions in the copy of a bag; the overlay gets it with /image behind '
        '(default: %(default)s)',
    )


def _topic_name(text: str) -> str:
    parts = text.removeprefix('/').split('/')
    if not all(part.isidentifier() and part.isascii() for part in parts):
        raise argparse.ArgumentTypeError(f'{text!r} is no topic name, such as /robot1/emotions')
    return f'/{"/".join(parts)}'
