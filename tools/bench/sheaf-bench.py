#!/usr/bin/env python3
"""sheaf-bench - the command of the benchmark: choose cases, measure them, write what came out.

The program `measure` measures, and report.py makes all tables and pictures from its figures.
"""
import os
import sys

# In a build folder `measure`, the peers and report.py lie in the folder `bench` beside this script,
# otherwise where they are installed. Nothing is taken from the folder that the user is in, and no
# module from the folder of this script, which may be the system's folder of programs.
BESIDE = os.path.join(os.path.dirname(os.path.realpath(__file__)), 'bench')
PROGRAMS = BESIDE if os.path.exists(os.path.join(BESIDE, 'measure')) else '@PROGRAMS@'
MEASURE = os.path.join(PROGRAMS, 'measure')
sys.path[0] = PROGRAMS
sys.dont_write_bytecode = True

import argparse  # noqa: E402
import json  # noqa: E402
import shutil  # noqa: E402
import signal  # noqa: E402
import stat  # noqa: E402
import statistics  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402

import report  # noqa: E402

MOST_SLOWER = 1.03  # --against: a greater ratio is a finding
MARKS = '<!-- sheaf-bench %s: begin -->', '<!-- sheaf-bench %s: end -->'

EPILOG = '''
Examples:
  sheaf-bench --quick                          does everything work?
  sheaf-bench grain-1 create                   two cases
  sheaf-bench --workers 4 --rounds 15 map-auto
  sheaf-bench --json figures.json --svg figures.svg
  sheaf-bench --from figures.json --markdown page.md
  sheaf-bench --against ../before/build/tools/sheaf-bench --strict

Cases (default: all). CASE runs all its variants, CASE/VARIANT one:
'''


class Failure(Exception):
    """What went wrong, and the exit code. None: `measure` has said it already."""

    def __init__(self, text, code=1):
        super().__init__(text)
        self.code = code


def printable(text):
    """What a user or a file calls something, fit for a terminal."""
    return ''.join(c if c.isprintable() else ('\\x%02x' if ord(c) < 0x80 else '\\u%04x') % ord(c) for c in text)


def say(text):
    print('sheaf-bench: ' + printable(text), file=sys.stderr)


# ---- the command line ----


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Failure(message + ' (see --help)', 2)


def count(text):
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError('%s: give a number of at least 1' % text)
    return int(text)


def mark(text):
    if not text.isascii() or not text.replace('_', 'a').isalnum() or len(text) > 32:
        raise argparse.ArgumentTypeError('%s: give up to 32 letters, digits and "_"' % text)
    return text


def file_name(text):
    if not text:
        raise argparse.ArgumentTypeError('give the name of a file')
    return text


def make_parser():
    parser = Parser(prog='sheaf-bench', add_help=False, allow_abbrev=False, usage='sheaf-bench [OPTION...] [CASE...]',
                    formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, max_help_position=22, width=118),
                    description="Runs Sheaf, its peers and the machine's own limits by turns, checks every result, and "
                                'prints medians with their ranges,\nratios and bounds.', epilog=EPILOG)
    add = parser.add_argument
    add('--full', dest='quick', action='store_false', help='sizes for figures: the default')
    add('--quick', dest='quick', action='store_true',
        help='small sizes, to see that everything works: its figures mean nothing')
    add('--workers', metavar='N', type=count,
        help='workers of a pool, and threads or processes of a peer; default: the usable CPUs')
    add('--rounds', metavar='N', type=count, help='rounds, 1 to 99; default: 7, with --quick 1')
    add('--alone', action='store_true', help='measure Sheaf alone, without peers and limits')
    add('--strict', action='store_true', help='exit with 1 when a bound was missed, or with --against when a case is slower')
    add('--against', metavar='PROGRAM', type=file_name,
        help='compare with the sheaf-bench of another build: both measure Sheaf alone, by turns; the ratio of a case is the '
             'median over the rounds')
    add('--from', dest='source', metavar='FILE', type=file_name, help='measure nothing; take the figures from such JSON')
    add('--json', metavar='FILE', type=file_name, help='write all figures as JSON')
    add('--svg', metavar='FILE', type=file_name, help='draw the ratios and bounds')
    add('--markdown', metavar='FILE', type=file_name,
        help='write the table into FILE, between its lines "%s" and "%s"' % tuple(one % '--markdown' for one in MARKS))
    add('--mark', metavar='NAME', type=mark,
        help='between "%s" and its end: a table per machine' % MARKS[0] % '--markdown NAME')
    add('--small', metavar='FILE', type=file_name,
        help='the best known cases alone: a drawing if FILE ends with .svg, else a table between such lines with "--small"')
    add('--cases', metavar='FILE', type=file_name,
        help='run nothing; write what is measured into FILE, between such lines with "--cases"')
    add('--list', action='store_true', help='run nothing; print the names of the cases, one a line')
    add('--help', action='store_true', help='this text')
    add('names', metavar='CASE', nargs='*', help=argparse.SUPPRESS)
    parser.set_defaults(quick=False)
    return parser


def family(name):
    return name.split('/')[0]


def choose(cases, names):
    """Those of the cases that the names stand for."""
    for name in names:
        if not any(case['case'] == name or case['case'].startswith(name + '/') for case in cases):
            raise Failure('unknown case %s: choose from the list (see --help)' % name, 2)
    return [case for case in cases
            if not names or any(case['case'] == name or case['case'].startswith(name + '/') for name in names)]


def help_text(parser, cases):
    lines = [parser.format_help().rstrip()]
    families = {}
    for case in cases:
        families.setdefault(family(case['case']), []).append(case)
    for name, variants in families.items():
        first, *others = variants
        also = ', '.join(case['case'][len(name):] for case in others)
        lines.append('  %-20s %s: %s%s' % (first['case'], first['unit'], first['what'], also and '; also ' + also))
    return '\n'.join(lines)


# ---- files ----


def is_special(path):
    """Return whether it must be written to as it is: devices and links, as /dev/stdout."""
    try:
        return not stat.S_ISREG(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False


def open_beside(path):
    """A new file beside it, under a name that nobody has and nobody can take beforehand."""
    while True:
        name = '%s.%d.%09d.new' % (path, os.getpid(), time.time_ns() % 1000000000)
        try:
            return name, os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            pass


def save(path, text):
    """Replace what it holds. Readers see the old file or the new one, never a part."""
    if is_special(path):
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return
    name, fd = open_beside(path)
    try:
        with open(fd, 'w', encoding='utf-8') as file:
            file.write(text)
            file.flush()
            os.fsync(fd)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def save_between_marks(path, words, text):
    """Replace what stands between the two lines; a missing file is made of them and the text."""
    begin, end = (one % words for one in MARKS)
    lines = []
    # A pipe or terminal would be waited for.
    if os.path.isfile(path):
        with open(path, encoding='utf-8') as file:
            lines = file.read().splitlines(keepends=True)
    bare = [line.rstrip('\n') for line in lines]
    first = bare.index(begin) if begin in bare else None
    last = bare.index(end, first) if first is not None and end in bare[first:] else None
    if lines and last is None:
        raise Failure('%s: not written, because it has not both lines "%s" and "%s": add them around the place of the table'
                      % (path, begin, end))
    before, after = (''.join(lines[:first]), ''.join(lines[last:])) if lines else ('', end + '\n')
    save(path, '%s%s\n\n%s\n%s' % (before, begin, text, after))


def check_can_save(paths):
    """Better now than after all the work."""
    for path in paths:
        if os.path.isdir(path):
            raise IsADirectoryError(21, 'Is a directory', path)
        if not is_special(path):
            name, fd = open_beside(path)
            os.close(fd)
            os.unlink(name)


def save_all(options, cases):
    if options.json:
        save(options.json, report.to_json(cases))
    if options.svg:
        save(options.svg, report.svg(cases))
    if options.small:
        if options.small.endswith('.svg'):
            save(options.small, report.small_svg(cases))
        else:
            save_between_marks(options.small, '--small', report.small_markdown(cases))
    if options.markdown:
        if not cases:
            raise Failure('%s: not written, because nothing was measured' % options.markdown)
        words = '--markdown ' + options.mark if options.mark else '--markdown'
        save_between_marks(options.markdown, words, report.markdown(cases))


# ---- running ----


class Runner:
    """Runs a program in a process group of its own.

    A signal that ends this script is passed on to the program, once. The program tidies up and
    ends, and then the script does.
    """

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self):
        self.process, self.stopped = None, []
        for number in self.signals:
            if signal.getsignal(number) != signal.SIG_IGN:  # what the caller ignores, as nohup does, stays ignored
                signal.signal(number, self.stop)

    def stop(self, number, _frame):
        self.stopped.append(number)
        if self.process:
            self.process.send_signal(number)

    def run(self, *words):
        """Yield the lines of its standard output; then its exit status is in self.status."""
        self.end_if_stopped()
        try:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, encoding='utf-8',
                                            errors='replace', preexec_fn=os.setpgrp)
        except OSError as error:
            raise Failure('%s: %s' % (words[0], error.strerror)) from None
        for number in self.stopped[:1]:
            self.process.send_signal(number)
        yield from self.process.stdout
        self.status = self.process.wait()
        self.process = None
        self.end_if_stopped()

    def end_if_stopped(self):
        """End as the signal would have ended this script."""
        if self.stopped:
            sys.stdout.flush()
            signal.signal(self.stopped[0], signal.SIG_DFL)
            os.kill(os.getpid(), self.stopped[0])


def measure_words(options, rounds, alone, program=MEASURE):
    words = [program, '-r', str(rounds)]
    words += ['-q'] * options.quick + ['-a'] * alone + (['-w', str(options.workers)] if options.workers else [])
    return words


def list_cases(options, runner):
    """All of them, if the options are right for them."""
    cases = [json.loads(line) for line in runner.run(*measure_words(options, options.rounds, False), '-l')]
    if runner.status == 2:
        raise Failure(None, 2)
    for case in cases:
        names = {one['name'] for one in case['contenders']}
        for bound in case['bounds']:
            if not names.issuperset(bound['of']):
                raise Failure('a bound of %s names %s, which it does not measure' % (case['case'], bound['of']))
    return cases


def measure_all(options, runner, chosen):
    """Print each case as it comes. Return: what was measured, and whether anything failed."""
    progress = ['-p'] * sys.stderr.isatty()
    cases = []
    words = measure_words(options, options.rounds, options.alone) + progress + [case['case'] for case in chosen]
    for line in runner.run(*words):
        cases.append(report.judge(json.loads(line)))
        if len(cases) == 1:
            print(report.heading(cases[0]))
        print(report.table(cases[-1]), flush=True)
    failed = len(chosen) - len(cases)
    if failed:
        say('%d case%s failed, and will be missing in every file' % (failed, '' if failed == 1 else 's'))
    return cases, failed > 0 or runner.status != 0


def read_figures(options):
    """The same from a file."""
    try:
        with open(options.source, encoding='utf-8') as file:
            cases = choose(json.load(file), options.names)
        if cases:
            print(report.heading(cases[0]))
        for case in cases:
            print(report.table(case))
    except (ValueError, KeyError, TypeError) as error:
        raise Failure('%s: this is not what --json writes: %r' % (options.source, error)) from None
    return cases


# ---- two builds by turns ----


class Build:
    """Measures Sheaf alone, one round at a time: by a program `measure`, or by a whole sheaf-bench.

    Builds of before have no `measure`, but the JSON of their sheaf-bench has Sheaf's figure, too.
    """

    def __init__(self, options, runner, measure, whole=None):
        self.options, self.runner, self.measure, self.whole, self.failed = options, runner, measure, whole, False

    def figure(self, case):
        """Return: in the unit of the case; None: it was not measured."""
        value = self.figure_of_whole(case) if self.whole else self.figure_of_measure(case)
        self.failed = self.failed or self.runner.status != 0
        return value

    def figure_of_measure(self, case):
        words = measure_words(self.options, 1, True, self.measure)
        lines = [json.loads(line) for line in list(self.runner.run(*words, case['case']))]
        ns = lines[0]['contenders'][0].get('ns') if lines else None
        return ns[0] / lines[0]['unit_ns'] if ns else None

    def figure_of_whole(self, case):
        path = self.whole + '.json'
        words = [self.whole, '--quick' if self.options.quick else '--full', '--rounds', '1', '--json', path]
        words += ['--workers', str(self.options.workers)] if self.options.workers else []
        list(self.runner.run(*words, case['case']))
        figures = []
        if os.path.exists(path):
            with open(path, encoding='utf-8') as file:
                figures = json.load(file)
            os.unlink(path)
        return next((one['sheaf'] for one in figures if one['case'] == case['case']), None)


def other_build(options, runner, folder):
    """Find its `measure`. A whole sheaf-bench is copied away from its peers, to save time."""
    measure = os.path.join(os.path.dirname(os.path.realpath(options.against)), 'bench', 'measure')
    if os.path.exists(measure):
        return Build(options, runner, measure)
    whole = os.path.join(folder, 'sheaf-bench')
    try:
        shutil.copy(options.against, whole)
    except OSError as error:
        raise Failure('%s: %s' % (options.against, error.strerror)) from None
    return Build(options, runner, None, whole)


def compare_case(options, builds, case):
    """Measure both builds in each round, and in every other round the other one first.

    Return: the figures and ratios; None: one of both could not be measured.
    """
    figures = [], []
    for number in range(options.rounds):
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            value = builds[which].figure(case)
            if value is None:
                return None
            figures[which].append(value)
    ratios = [1.0 if a == b else report.divided(a, b) for a, b in zip(*figures)]
    ratio, least, most = report.spread(ratios)
    return {'case': case['case'], 'unit': case['unit'],
            'sheaf': statistics.median(figures[0]), 'against': statistics.median(figures[1]),
            'ratio': ratio, 'ratio_min': least, 'ratio_max': most, 'ok': statistics.median(ratios) <= MOST_SLOWER,
            'rounds': options.rounds, 'quick': options.quick}


def compare(options, runner, chosen):
    """Return: whether a measurement of this build failed, and whether a case was slower."""
    results = []
    with tempfile.TemporaryDirectory(prefix='sheaf-bench.') as folder:
        builds = Build(options, runner, MEASURE), other_build(options, runner, folder)
        print('%-32s %10s %10s   %s' % ('case, unit', 'this', 'the other', 'this / the other (min .. max)'))
        for case in chosen:
            result = compare_case(options, builds, case)
            name = '%s, %s' % (case['case'], case['unit'])
            if result:
                results.append(result)
                print('%-32s %10s %10s   %-28s %s' % (name, report.number(result['sheaf']), report.number(result['against']),
                                                      report.ratios(result), 'ok' if result['ok'] else 'SLOWER'), flush=True)
            else:
                print('%-32s not compared: one of both did not measure it' % name, flush=True)
    slower = sum(not result['ok'] for result in results)
    print('\n%d slower than %.4g x the other, %d not, %d not compared'
          % (slower, MOST_SLOWER, len(results) - slower, len(chosen) - len(results)))
    if options.json:
        save(options.json, json.dumps(results, indent='\t') + '\n')
    return builds[0].failed, slower > 0


# ---- all of it ----


def tell(options, parser, runner):
    """What needs no measurement. Return: whether that was all that was asked for."""
    if not (options.help or options.list or options.cases):
        return False
    cases = list_cases(options, runner)
    chosen = choose(cases, options.names)
    if options.help:
        print(help_text(parser, cases))
    if options.list:
        print('\n'.join(case['case'] for case in chosen))
    if options.cases:
        save_between_marks(options.cases, '--cases', report.markdown_of_cases(cases))
    return True


def run(words):
    parser, runner = make_parser(), Runner()
    options = parser.parse_intermixed_args(words)
    options.rounds = options.rounds or (1 if options.quick else 7)
    if options.against and (options.source or options.svg or options.markdown or options.small):
        raise Failure('--against: goes with --json alone (see --help)', 2)
    if tell(options, parser, runner):
        return 0
    check_can_save([path for path in (options.json, options.svg, options.markdown, options.small) if path])
    if options.source:
        cases, failed = read_figures(options), False
    else:
        chosen = choose(list_cases(options, runner), options.names)
        if options.against:
            failed, slower = compare(options, runner, chosen)
            return int(failed or (options.strict and slower))
        cases, failed = measure_all(options, runner, chosen)
    print('\n' + report.verdicts(cases), flush=True)
    save_all(options, cases)
    return int(failed or (options.strict and report.count(cases, False) > 0))


def main():
    try:
        status = run(sys.argv[1:])
        sys.stdout.flush()
    except Failure as failure:
        if failure.args[0]:
            say(failure.args[0])
        status = failure.code
    except OSError as error:
        say('%s: %s' % (error.filename or 'stdout', error.strerror))
        status = 1
    try:
        sys.stdout.flush()
    except OSError as error:
        say('stdout: %s' % error.strerror)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status)


main()
