"""A peer's process: reads cases as JSON lines, answers with seconds and what came out.

Runs on Python 3.7 too, since bert4keras does.
"""

import json
import os
import sys
import threading
import time
import traceback


def serve(works):
    """works: of each kind of work, prepare(case) -> a function without arguments that does it.

    That function returns what came out, {"outputs": …} with more if it likes; "seconds" among it
    where the clock must not run all the time. Its first call, which compiles, is told apart; or
    the function itself says what was "cold", and then that call counts as well. A case with "laps"
    is timed so often, by the function itself where it says "cold".
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not come between
    ready = {}
    for line in sys.stdin:
        case = json.loads(line)
        key = json.dumps(case, sort_keys=True)
        try:
            first = {}
            clock = case.get("clock", "wall")
            if key not in ready:
                ready[key] = works[case["work"]](case)
                answer = timed(ready[key], clock)
                first["first"] = answer.pop("cold", answer["seconds"])
                if first["first"] != answer["seconds"]:  # it was warm before its clock ran
                    answers.write(json.dumps(dict(answer, **first)) + "\n")
                    answers.flush()
                    continue
            answer = dict(timed(ready[key], clock), **first)
            answer["laps"] = [answer["seconds"]]
            for _ in range(case.get("laps", 1) - 1):
                answer["laps"].append(timed(ready[key], clock)["seconds"])
        except Exception as error:
            traceback.print_exc()
            answer = {"error": "%s: %s" % (type(error).__name__, str(error)[:300])}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}
"""What cases are timed by: "processor" leaves out the time in which others had the core."""


def timed(run, clock):
    """Do it once, by a clock."""
    start = CLOCKS[clock]()
    answer = run()
    answer.setdefault("seconds", CLOCKS[clock]() - start)
    return answer


WARM = 200  # texts that are read before many are


def lap(work, clock="wall"):
    """The seconds that something takes."""
    start = CLOCKS[clock]()
    work()
    return CLOCKS[clock]() - start


def latencies(ask, texts, threads, calls):
    """Ask for one text at a time, from some threads at once; the seconds of every call."""
    taken, errors = [], []

    def work(number):
        for i in range(calls):
            start = time.perf_counter()
            try:
                ask(texts[(number * 7 + i) % len(texts)])
            except Exception as error:
                errors.append("%s: %s" % (type(error).__name__, str(error)[:200]))
                return
            taken.append(time.perf_counter() - start)

    for text in texts:
        ask(text)  # every length is compiled
    workers = [threading.Thread(target=work, args=(i,)) for i in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if errors:
        raise RuntimeError("%d of %d threads failed; %s" % (len(errors), threads, errors[0]))
    return taken


def read_json(path):
    """The texts, pairs or whatever a case points at."""
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def peak():
    """The largest memory of this process so far, in MB."""
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1e3
    return float("nan")


def launched(importing, load):
    """What a fresh process takes: to import, to load, for the first answer.

    importing() imports the library; load(path) -> a function that answers for one text.
    Prints JSON and leaves, so that a process's whole life can be measured from outside.
    """
    path, text = sys.argv[2:4]
    quiet = os.dup(1)
    os.dup2(2, 1)
    marks = [time.perf_counter()]
    importing()
    marks.append(time.perf_counter())
    answer = load(path)
    marks.append(time.perf_counter())
    answer(text)
    marks.append(time.perf_counter())
    parts = [later - sooner for sooner, later in zip(marks, marks[1:])]
    os.write(quiet, json.dumps(dict(zip(("import", "load", "first"), parts))).encode())
    os._exit(0)
