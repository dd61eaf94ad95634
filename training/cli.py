"""The command line: `python -m training <command>`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from training.dataset import framing
from training.errors import TrainingError

# An export that ships is asked for by name: a short trial must not replace the shipped model.
EXPORTED = Path('out/train/export/emotion.onnx')
SHIPPED = Path('models/emotion_alexnet.onnx')


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: Words after the program's name; None takes the process's own.

    Returns:
        Exit status: 0 when done, 1 for an error the user can mend, 130 after Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    try:
        options.run_command(options)
    except TrainingError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    except OSError as error:
        where = f'{error.filename}: ' if error.filename else ''
        print(f'error: {where}{error.strerror or error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('stopped (a training goes on with --resume)', file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='python -m training', description=__doc__)
    commands = parser.add_subparsers(required=True, metavar='command')
    _add_explore(commands)
    _add_train(commands)
    _add_evaluate(commands)
    _add_export(commands)
    _add_compare(commands)
    _add_teach(commands)
    _add_adjust(commands)
    _add_framing(commands)
    return parser


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--data',
        type=Path,
        required=True,
        help='fer2013.csv, fer2013.csv.xz or a folder with train/ and test/',
    )
    parser.add_argument(
        '--cache',
        type=Path,
        default=Path('out/train/cache'),
        help='folder for the arrays made at the first reading (default: %(default)s)',
    )
    parser.add_argument('--threads', type=int, help='CPU threads (default: all cores)')


def _add_explore(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser('explore', help='report on the data set before training')
    _add_data(parser)
    parser.add_argument('--ferplus', type=Path, help='fer2013new.csv, to compare the labels with')
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('out/train/explore'),
        help='folder for report.md and its figures (default: %(default)s)',
    )
    parser.set_defaults(run_command=_explore)


def _explore(options: argparse.Namespace) -> None:
    from training.dataset import data, ferplus
    from training.dataset.explore import explore

    votes = ferplus.read_votes(options.ferplus) if options.ferplus else None
    print(f'report: {explore(data.load(options.data, options.cache), options.out, votes)}')


def _add_train(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser('train', help='train a network by a recipe, or by several in turn')
    _add_data(parser)
    parser.add_argument(
        '--recipe',
        type=Path,
        required=True,
        nargs='+',
        help='a file of training/recipes; several are run one after the other',
    )
    parser.add_argument('--run', type=Path, help='run folder (default: out/train/<recipe name>)')
    parser.add_argument(
        '--resume',
        action='store_true',
        help='go on from the last checkpoint; of several recipes, those not begun start anew',
    )
    parser.add_argument(
        '--set',
        action='append',
        default=[],
        metavar='KEY=VALUE',
        help='change one entry of the recipe, such as optim.lr=0.01',
    )
    parser.add_argument(
        '--stop-after',
        type=int,
        metavar='EPOCH',
        help='end this session after an epoch; resume later',
    )
    parser.add_argument(
        '--devices',
        type=int,
        default=1,
        metavar='N',
        help='train on N GPUs, or in N processes on a machine without one (default: %(default)s)',
    )
    parser.add_argument('--no-progress', action='store_true', help='no progress bar')
    parser.add_argument(
        '--ferplus', type=Path, help='fer2013new.csv, for a recipe with data.ferplus'
    )
    parser.set_defaults(run_command=_train)


def _train(options: argparse.Namespace) -> None:
    # torch takes seconds to import: only where it is used.
    from training.dataset import data, ferplus
    from training.fit import processes
    from training.fit.run_plan import plan
    from training.fit.train import train
    from training.recipe_files import read_recipe

    if len(options.recipe) > 1 and (options.stop_after is not None or options.devices > 1):
        raise TrainingError('--stop-after and --devices take one recipe at a time')
    recipes = [read_recipe(path, options.set) for path in options.recipe]
    planned = plan(recipes, options.run, resume=options.resume)
    dataset = data.load(options.data, options.cache)
    votes = ferplus.read_votes(options.ferplus) if options.ferplus else None
    for one in planned:
        best = train(
            one.recipe,
            dataset,
            one.run,
            threads=options.threads,
            resume=one.resume,
            progress=not options.no_progress,
            stop_after=options.stop_after,
            votes=votes,
            devices=options.devices,
        )
        if processes.is_first():
            print(f'best checkpoint: {best}')


def _add_evaluate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser('evaluate', help='score a model on PublicTest')
    _add_data(parser)
    parser.add_argument(
        '--model',
        type=Path,
        required=True,
        help='an .onnx with its manifest, or a .ckpt of a run folder',
    )
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('out/train/report'),
        help='folder for report.md, scores.json and figures (default: %(default)s)',
    )
    parser.add_argument(
        '--final',
        action='store_true',
        help='also read PrivateTest; every reading is logged beside the model',
    )
    parser.add_argument('--ferplus', type=Path, help='fer2013new.csv: score on the FER+ labels too')
    parser.add_argument(
        '--ten-crop',
        action='store_true',
        help='also score the mean prediction of ten crops (never the headline figure; ten times '
        'slower)',
    )
    parser.add_argument(
        '--pipeline',
        action='store_true',
        help='also place the images in scenes and run detector, alignment and classifier on them',
    )
    parser.add_argument(
        '--dark',
        action='store_true',
        help='also darken PublicTest, with and without noise',
    )
    parser.add_argument(
        '--portraits',
        type=Path,
        metavar='FOLDER',
        help='also run the pipeline on images of people, listed in FOLDER/labels.csv with the '
        'columns file and label; all other columns are groups to report by',
    )
    parser.add_argument(
        '--group',
        action='append',
        metavar='COLUMN',
        help='group the portraits by this column alone (may be given several times)',
    )
    parser.add_argument(
        '--limit',
        type=int,
        metavar='N',
        help='use N random rows for --ten-crop and --pipeline (default: all)',
    )
    parser.set_defaults(run_command=_evaluate)


def _evaluate(options: argparse.Namespace) -> None:
    from training.dataset import data
    from training.scoring import darkness_report, portraits_report, report
    from training.scoring.evaluate import Request, evaluate

    dataset = data.load(options.data, options.cache)
    request = Request(
        final=options.final,
        ferplus=options.ferplus,
        ten_crop=options.ten_crop,
        pipeline=options.pipeline,
        dark=options.dark,
        portraits=options.portraits,
        groups=tuple(options.group) if options.group else None,
        limit=options.limit,
        threads=options.threads,
    )
    measured = evaluate(options.model, dataset, options.out, request)
    for result in measured.splits:
        print(report.summary(result))
    if measured.dark:
        print(darkness_report.summary(measured.dark))
    if measured.portraits:
        print(portraits_report.summary(measured.portraits))
    print(f'report: {options.out / "report.md"}')


def _add_export(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser('export', help='write the int8 ONNX file and its manifest')
    _add_data(parser)
    parser.add_argument(
        '--checkpoint', type=Path, required=True, help='best.ckpt or last.ckpt of a run folder'
    )
    parser.add_argument(
        '--out',
        type=Path,
        default=EXPORTED,
        help=f'the ONNX file to write (default: %(default)s; {SHIPPED} to ship it)',
    )
    parser.add_argument('--fp32', action='store_true', help='ship fp32 instead of int8')
    parser.add_argument(
        '--ferplus', type=Path, help='fer2013new.csv, for a network trained with model.votes'
    )
    _add_bonus(parser)
    parser.set_defaults(run_command=_export)


def _add_bonus(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--bonus',
        action='append',
        default=[],
        metavar='CLASS=NATS',
        help='give a class so much more in the balanced predictions, such as Happy=1.5 (may be '
        'given several times)',
    )


def _export(options: argparse.Namespace) -> None:
    from training.config import INPUT_SIZE
    from training.dataset import data, ferplus
    from training.scoring import adjustment, report
    from training.shipping.export import export

    dataset = data.load(options.data, options.cache)
    done = export(
        options.checkpoint,
        dataset,
        options.out,
        fp32=options.fp32,
        threads=options.threads,
        votes=ferplus.votes_for(options.ferplus, dataset) if options.ferplus else None,
        bonus=adjustment.read_bonus(options.bonus),
    )
    print(
        f'{done.model}: {done.size / 2**20:.2f} MiB; torch and fp32 ONNX differ by at most '
        f'{done.fp32_difference:.1g} in a logit'
    )
    print(
        f'PublicTest accuracy: PyTorch {report.percent(done.pytorch)}, fp32 ONNX '
        f'{report.percent(done.fp32)}, shipped {report.percent(done.shipped)}; fp32 and shipped '
        f'predict the same class on {done.agreement.value:.2%}'
    )
    if done.ferplus is not None:
        print(f'PublicTest accuracy on FER+ labels: shipped {report.percent(done.ferplus)}')
    if done.trained_at != INPUT_SIZE:
        print(
            f'warning: last trained on {done.trained_at} pixels, but the runtime shows '
            f'{INPUT_SIZE}: end the recipe with a phase of that size before you ship it'
        )
    if options.out == EXPORTED:
        print(f'the model that ships is as it was: --out {SHIPPED} replaces it')


def _add_compare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        'compare', help='one table of several models: cost, scores, gain over a baseline'
    )
    _add_data(parser)
    parser.add_argument(
        'models',
        type=Path,
        nargs='+',
        metavar='MODEL',
        help='a run folder (its best.ckpt), a .ckpt, or an .onnx with its manifest',
    )
    parser.add_argument(
        '--baseline',
        type=Path,
        metavar='MODEL',
        help='measure gains against this model (default: the first)',
    )
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('out/train/compare'),
        help='folder for compare.md, compare.json and compare.png (default: %(default)s)',
    )
    parser.add_argument(
        '--final',
        action='store_true',
        help='also read PrivateTest; every reading is logged beside its model',
    )
    parser.add_argument('--ferplus', type=Path, help='fer2013new.csv: score on the FER+ labels too')
    parser.set_defaults(run_command=_compare)


def _compare(options: argparse.Namespace) -> None:
    from training.comparison.compare import Request, compare
    from training.dataset import data

    request = Request(options.baseline, options.final, options.ferplus, options.threads)
    dataset = data.load(options.data, options.cache)
    print(compare(options.models, dataset, options.out, request))
    print(f'report: {options.out / "compare.md"}')


def _add_teach(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        'teach', help="store a teacher's predictions for Training, for distill.answers of a recipe"
    )
    _add_data(parser)
    parser.add_argument(
        '--model',
        type=Path,
        nargs='+',
        required=True,
        help='the teachers: run folders (their best.ckpt), .ckpt files, or .onnx files with their '
        'manifests; one that was trained with data.fold teaches the part that it left out',
    )
    parser.add_argument(
        '--ferplus',
        type=Path,
        help='fer2013new.csv: predict the original labels from the votes as well (with data.fold)',
    )
    parser.add_argument('--out', type=Path, required=True, help='the .npz file to write')
    parser.add_argument(
        '--views',
        type=int,
        default=6,
        metavar='N',
        help='mean over N views of each image: as it is, mirrored, then pairs of mild warps '
        '(default: %(default)s)',
    )
    parser.set_defaults(run_command=_teach)


def _teach(options: argparse.Namespace) -> None:
    from training.dataset import data, ferplus
    from training.teaching.record import record

    dataset = data.load(options.data, options.cache)
    votes = None if options.ferplus is None else ferplus.votes_for(options.ferplus, dataset)
    done = record(
        options.model,
        dataset,
        options.out,
        views=options.views,
        threads=options.threads,
        votes=votes,
    )
    print(
        f'{done.path}: {done.size / 2**20:.2f} MiB, predictions for {done.images} images, '
        f'{done.agreement:.2%} of them the original label'
    )


def _add_adjust(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        'adjust', help="what taking the classes' shares out of the FER+ predictions would do"
    )
    _add_data(parser)
    parser.add_argument(
        '--model',
        type=Path,
        required=True,
        help='an .onnx with its manifest, or a .ckpt of a run folder, trained with model.votes',
    )
    parser.add_argument('--ferplus', type=Path, required=True, help='fer2013new.csv')
    parser.add_argument(
        '--portraits',
        type=Path,
        metavar='FOLDER',
        help='also show what it does on images of people, as for evaluate (an .onnx only)',
    )
    _add_bonus(parser)
    parser.set_defaults(run_command=_adjust)


def _adjust(options: argparse.Namespace) -> None:
    from training.dataset import data
    from training.scoring.adjustment import read_bonus
    from training.scoring.adjustment_report import study

    bonus = read_bonus(options.bonus)
    dataset = data.load(options.data, options.cache)
    print(study(options.model, dataset, options.ferplus, options.portraits, options.threads, bonus))


def _add_framing(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser('framing', help='measure where the images hold the face')
    _add_data(parser)
    framing.add_arguments(parser)
    parser.set_defaults(run_command=framing.run)
