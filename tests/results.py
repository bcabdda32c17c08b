#!/usr/bin/env python3
"""results.py - what a run of "meson test" gave: prints the logs of failed tests to stderr, and
"PASSED FAILED SKIPPED".

Reads meson-logs/testlog.json, one test program per line. Counts the single cases of programs
that speak TAP, as the unit tests do; every other program counts as one. A report of a sanitizer
is a failure, whatever the program returned: a worker that a sanitizer ends is replaced, and its
task succeeds at the second try.
"""
import json
import re
import sys

CASE = re.compile(r'^(not )?ok\b(.*)$', re.MULTILINE)
PLAN = re.compile(r'^1\.\.\d', re.MULTILINE)
REPORT = re.compile(r'(ERROR|WARNING): \w+Sanitizer|:\d+:\d+: runtime error: ')


def count(test):
    """The number of (passed, failed, skipped) cases of one program."""
    result = test['result']
    output = test.get('stdout') or ''
    reported = REPORT.search(output + (test.get('stderr') or ''))
    if result in ('SKIP', 'IGNORED') and not reported:
        return 0, 0, 1
    good = result in ('OK', 'EXPECTEDFAIL') and not reported
    passed = failed = skipped = 0
    if PLAN.search(output):
        for bad, text in CASE.findall(output):
            if re.search(r'#\s*skip', text, re.IGNORECASE):
                skipped += 1
            elif bad:
                failed += 1
            else:
                passed += 1
    else:
        passed = int(good)
    if not good and failed == 0:
        failed = 1  # no case tells: it crashed, ran too long, ended early or was reported
    return passed, failed, skipped


def main():
    if len(sys.argv) != 2:
        sys.exit('usage: results.py TESTLOG.JSON')
    sys.stderr.reconfigure(errors='backslashreplace')
    totals = [0, 0, 0]
    with open(sys.argv[1], encoding='utf-8') as log:
        for line in log:
            test = json.loads(line)
            counts = count(test)
            totals = [total + one for total, one in zip(totals, counts)]
            if counts[1]:
                print(f'\n--- {test["name"]}: {test["result"]}, exit code {test["returncode"]}', file=sys.stderr)
                for stream in ('stdout', 'stderr'):
                    if test.get(stream):
                        print(f'--- {stream}\n{test[stream].rstrip()}', file=sys.stderr)
    print(*totals)


if __name__ == '__main__':
    main()
