#!/usr/bin/env python3
"""report.py - adds up what the programs of one part of tools/prove have reported.

    report.py part NAME SECONDS JSON LOG...    reads the lines "report {...}" of the logs and their
    last lines "exit CODE", prints
                                              one line for people, and appends the part to the file
                                              JSON, one object per line
    report.py save JSON FILE MODE              puts those objects into the document FILE, beside the
    parts of other runs
    report.py table FILE                       prints the document as a table for a page

A program that failed without naming a harm, or reported nothing, makes its part not ok. One
that ran over its time counts as hung.
"""
import json
import os
import platform
import re
import subprocess
import sys

HARMS = ('lost', 'duplicated', 'hung', 'leaked')
COUNTED = ('points', 'kills', 'cases')
ADDED = ('states', 'harmed', 'left out')  # figures of several programs of one part; of all others, the last one stays
REPORT = 'report {'
SKIPPED, TIMED_OUT = 77, (124, 137)


def read(path):
    with open(path, encoding='utf-8', errors='backslashreplace') as log:
        lines = log.read().splitlines()
    reports = [json.loads(line.split(' ', 1)[1]) for line in lines if line.startswith(REPORT)]
    code = next((int(line[5:]) for line in reversed(lines) if re.fullmatch(r'exit \d+', line)), 1)
    return reports, code


def part(name, seconds, store, logs):
    total = {'name': name, 'programs': len(logs)}
    total.update({harm: 0 for harm in HARMS})
    skipped = 0
    ok = bool(logs)
    seeds = []
    for path in logs:
        reports, code = read(path)
        if code == SKIPPED:
            skipped += 1
            continue
        ok &= code == 0 and bool(reports)
        total['hung'] += code in TIMED_OUT
        for report in reports:
            ok &= report['ok']
            seeds.append(report['seed'])
            for key, value in report.items():
                if key in HARMS or key in COUNTED:
                    total[key] = total.get(key, 0) + value
                elif key not in ('name', 'seed', 'seconds', 'ok'):
                    notes = total.setdefault('notes', {})
                    notes[key] = value + (notes.get(key, 0) if key in ADDED else 0)
    if seeds:
        total['seed'] = seeds[0]
    total['seconds'] = float(seconds)
    total['ok'] = bool(ok and not any(total[harm] for harm in HARMS))
    if skipped:
        total['skipped'] = skipped
    with open(store, 'a', encoding='utf-8') as out:
        out.write(json.dumps(total) + '\n')
    if skipped == len(logs):
        print(f'{name:10} skipped: not possible on this machine')
        return SKIPPED
    counted = ', '.join(f'{total[key]:,} {key}' for key in COUNTED if key in total) or 'nothing counted'
    harms = ', '.join(f'{total[harm]} {harm}' for harm in HARMS)
    notes = ''.join(f', {key} {value:,}' for key, value in total.get('notes', {}).items())
    seed = f', seed {total["seed"]}' if 'seed' in total else ''
    left = f', {skipped} of {len(logs)} programs skipped' if skipped else ''
    print(f'{name:10} {"ok    " if total["ok"] else "FAILED"} {counted}: {harms}{notes}{seed}{left} ({total["seconds"]:.0f} s)')
    return 0 if total['ok'] else 1


def command(*words):
    try:
        return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return ''


def save(store, target, mode):
    with open(store, encoding='utf-8') as lines:
        parts = [json.loads(line) for line in lines]
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    run = {
        'mode': mode,
        'date': command('date', '-u', '+%Y-%m-%d'),
        'commit': command('git', '-C', root, 'rev-parse', 'HEAD'),
        'cpus': os.cpu_count(),
        'system': f'{platform.system()} {platform.release()} {platform.machine()}',
        'compiler': command(*os.environ.get('CC', 'cc').split(), '--version'),
    }
    parts = {one['name']: {**one, 'run': run} for one in parts}
    if os.path.exists(target):
        with open(target, encoding='utf-8') as old:
            parts = {**{one['name']: one for one in json.load(old)['parts']}, **parts}
    document = {'ok': all(one['ok'] for one in parts.values()), 'parts': list(parts.values())}
    with open(target, 'w', encoding='utf-8') as out:
        json.dump(document, out, indent=2)
        out.write('\n')


def table(path):
    with open(path, encoding='utf-8') as document:
        parts = json.load(document)['parts']
    print('| part | counted | lost | duplicated | hung | leaked | seed | seconds | run |')
    print('|---|---|---|---|---|---|---|---|---|')
    for one in parts:
        counted = ', '.join(f'{one[key]:,} {key}' for key in COUNTED if key in one)
        harms = ' | '.join(str(one[harm]) for harm in HARMS)
        run = one['run']
        print(f'| {one["name"]} | {counted} | {harms} | {one.get("seed", "")} | {one["seconds"]:.0f} | {run["mode"]}, {run["date"]} |')


def main():
    if len(sys.argv) >= 5 and sys.argv[1] == 'part':
        sys.exit(part(sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5:]))
    if len(sys.argv) == 3 and sys.argv[1] == 'table':
        sys.exit(table(sys.argv[2]))
    if len(sys.argv) == 5 and sys.argv[1] == 'save':
        sys.exit(save(*sys.argv[2:]))
    sys.exit(__doc__)


if __name__ == '__main__':
    main()
