"""Measures another system on the rows that `diptych study --json RECORD --export DIR` wrote.

A peer is a file beside this one with MODES, what its system can run a model as, and MODELS, a table
from (workload, row name) to a function of a row's arguments. A mode prepares such a function and gives
back one without arguments that returns when the work is done, and one that makes NumPy arrays of what it
returns, which is not timed. Results are compared with Diptych's before anything is timed; the sampling
is the study's own (tools/study/Measure.cpp).
"""

import argparse
import functools
import json
import os
import sys
import time

import numpy as np


def rows_of(record):
    """(workload with its size and options, row) for each row whose arguments were exported."""
    for workload in record["workloads"]:
        for row in workload["rows"]:
            if "exported" in row and not row["failure"]:
                yield workload, row


def arrays(folder, files):
    return [np.load(os.path.join(folder, name))["x"] for name in files]


def difference(got, expected):
    """The worst max |a - b| / max |b|; NaN where the two can't be compared."""
    if len(got) != len(expected):
        return float("nan")
    worst = 0.0
    for a, b in zip(got, expected):
        a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
        if a.size != b.size:
            return float("nan")
        apart = np.max(np.abs(a.ravel() - b.ravel()), initial=0.0)
        worst = max(worst, apart / (np.max(np.abs(b), initial=0.0) or 1.0))
        if np.isnan(apart):
            return apart
    return float(worst)


def latency(work, options):
    work()
    begin, processor, samples = time.perf_counter(), time.process_time(), []
    while True:
        elapsed = time.perf_counter() - begin
        if elapsed >= options["seconds"]:
            if len(samples) >= 3:
                break
        elif len(samples) >= options["samples"] and (elapsed >= 0.2 or len(samples) >= 5000):
            break
        start = time.perf_counter()
        work()
        samples.append(time.perf_counter() - start)
    p5, median, p95 = np.quantile(samples, [0.05, 0.5, 0.95])
    cpu = (time.process_time() - processor) / len(samples)
    return {"median": float(median), "p5": float(p5), "p95": float(p95), "samples": len(samples),
            "cpu": cpu, "budget_hit": len(samples) < options["samples"]}


def measure(prepare, model, given, expected, options, tolerance, difference=difference):
    start = time.perf_counter()
    work, numpy_of = prepare(model, given)
    got = work()
    first = time.perf_counter() - start
    apart = difference(numpy_of(got), expected)
    cell = {"agreement": apart, "first_call": first}
    if not apart <= tolerance:
        return cell | {"failure": f"relative difference {apart:.1e}, allowed {tolerance:.1e}"}
    return cell | {"failure": "", "latency": latency(work, options)}


def threads():
    return int(os.environ["OMP_NUM_THREADS"])


def serve(modes, models, measured):
    """A peer that turns.py starts: the mode as its argument, rows as lines of JSON on stdin, a cell for each on
    stdout, null for a model it has not. `measured` makes the cell of (mode, model, row)."""
    prepare = modes[sys.argv[1]]
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever a system prints is no answer
    for line in sys.stdin:
        row, cell = json.loads(line), None
        if row["model"] in models:
            try:
                cell = measured(prepare, models[row["model"]], row)
            except Exception as error:  # a finding, not an end
                cell = {"failure": f"{type(error).__name__}: {str(error).splitlines()[0]}"[:200]}
        print(json.dumps(cell), file=answers, flush=True)


def distance(got, expected):
    """The worst |a - b| / |b|, as vectors: Adam moves where a gradient is all but zero by its rounding."""
    if any(np.shape(a) != np.shape(b) for a, b in zip(got, expected)):
        return float("nan")
    return float(max(np.linalg.norm(a - b) / (np.linalg.norm(b) or 1.0) for a, b in zip(got, expected)))


def steps_of(prepare, network, row):
    """Losses and movements of all parameters in the first steps, compared; then the time of a step. A mode makes of
    (network, parameters by name, x, y) a step, which returns its loss, and what gives the parameters as they are then."""
    with np.load(row["file"]) as file:
        held = dict(file)
    start, after = ({name[len(kind):]: array for name, array in held.items() if name.startswith(kind)}
                    for kind in ("start/", "after/"))

    def movements(parameters):
        return [parameters[name] - start[name] for name in start]

    def stepping(network, given):
        step, parameters = prepare(network, *given)

        def numpy_of(first):
            losses = [float(first)] + [float(step()) for _ in row["losses"][1:]]
            return [np.array(losses), *movements(parameters())]

        return step, numpy_of

    expected = [np.array(row["losses"]), *movements(after)]
    return measure(stepping, network, (start, held["x"], held["y"]), expected, row["options"],
                   1e-9 if row["dtype"] == "f64" else 1e-2, distance)


def derivative_of(prepare, model, row):
    """A quantity of a model. A mode makes of (quantity, model, arguments) what measure's modes do of the last two."""
    with np.load(row["file"]) as file:
        given, expected = ([file[f"{kind}/{i}"] for i in range(row[kind + "s"])] for kind in ("argument", "result"))
    return measure(functools.partial(prepare, row["quantity"]), model, given, expected, row["options"], 1e-9)


def run(name, version, modes, models, settings=lambda threads: None):
    """The command line of a peer: one mode in one process, its rows as JSON on stdout."""
    parser = argparse.ArgumentParser(description=f"{name} on exported rows of a study")
    parser.add_argument("record", help="what diptych study --json wrote")
    parser.add_argument("folder", help="what diptych study --export wrote")
    parser.add_argument("--mode", choices=list(modes), required=True)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    asked = parser.parse_args()
    settings(asked.threads)
    with open(asked.record) as file:
        record = json.load(file)
    options, rows = record["options"], []
    for workload, row in rows_of(record):
        model = models.get((workload["workload"], row["name"]))
        if model is None:
            continue
        print(f"{name} {asked.mode}: {workload['workload']} {row['name']}", file=sys.stderr)
        cell = {"workload": workload["workload"], "size": workload["size"], "name": row["name"]}
        try:
            given = arrays(asked.folder, row["exported"]["arguments"])
            expected = arrays(asked.folder, row["exported"]["results"])
            cell |= measure(modes[asked.mode], model(options), given, expected, options,
                            max(1e-9, options["tolerance"]))
        except Exception as error:  # a peer that can't do a row is a finding, not an end
            cell |= {"failure": f"{type(error).__name__}: {str(error).splitlines()[0]}"[:200]}
        rows.append(cell)
    json.dump({"peer": name, "version": version, "mode": asked.mode, "threads": asked.threads, "rows": rows},
              sys.stdout, indent=1)
    print()
