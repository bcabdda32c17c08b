"""chrome_trace.py FILE... - check that a file is what Chrome's trace format demands.

The rules are those of Google's "Trace Event Format": an object with the array traceEvents, whose
events have a phase and, by their phase, a name, a process, a thread, a time in microseconds and a
duration; and complete events of one thread lie one inside the other, or apart. Prints how many
events of each category there are.
"""
import collections
import json
import sys

PHASES = {"X", "i", "s", "f", "M"}
METADATA = {"process_name", "thread_name", "thread_sort_index"}


def check(condition, event, what):
    if not condition:
        sys.exit("%s: %s" % (what, json.dumps(event)))


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def check_event(event):
    phase = event.get("ph")
    check(phase in PHASES, event, "unknown phase")
    check(isinstance(event.get("name"), str) and event["name"], event, "no name")
    check(isinstance(event.get("pid"), int) and isinstance(event.get("tid"), int), event, "no process or thread")
    check(isinstance(event.get("args", {}), dict), event, "arguments are no object")
    if phase == "M":
        check(event["name"] in METADATA and event.get("args"), event, "unknown metadata")
        return
    check(is_number(event.get("ts")) and event["ts"] >= 0, event, "no time")
    check(isinstance(event.get("cat"), str), event, "no category")
    if phase == "X":
        check(is_number(event.get("dur")) and event["dur"] >= 0, event, "no duration")
    if phase == "i":
        check(event.get("s") in ("g", "p", "t"), event, "an instant without a scope")
    if phase in "sf":
        check(event.get("id"), event, "an arrow without an id")
    if phase == "f":
        check(event.get("bp") == "e", event, "an arrow that ends at the next event, and not in this one")


def check_nesting(events):
    """Times have three decimals, so they are compared in nanoseconds."""
    rows = collections.defaultdict(list)
    for event in events:
        if event["ph"] == "X":
            begin = round(event["ts"] * 1000)
            rows[event["tid"]].append((begin, -round(event["dur"] * 1000), event))
    for row in rows.values():
        open_until = []
        for begin, length, event in sorted(row, key=lambda item: item[:2]):
            end = begin - length
            while open_until and open_until[-1] <= begin:
                open_until.pop()
            check(not open_until or end <= open_until[-1], event, "it begins inside of another event and ends behind it")
            open_until.append(end)


def main():
    for path in sys.argv[1:]:
        with open(path, encoding="ascii") as file:
            trace = json.load(file)
        if not isinstance(trace.get("traceEvents"), list):
            sys.exit("%s: no traceEvents" % path)
        for event in trace["traceEvents"]:
            check_event(event)
        check_nesting(trace["traceEvents"])
        counts = collections.Counter(event["cat"] for event in trace["traceEvents"] if event["ph"] in "Xi")
        print(" ".join("%s %d" % pair for pair in sorted(counts.items())))


if __name__ == "__main__":
    main()
