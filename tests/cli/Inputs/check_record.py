"""Reads the record of a study from stdin and checks its promised keys and relations (docs/study.md)."""
import json
import sys

LATENCY = {"median", "p5", "p95", "samples", "cpu", "budget_hit"}
EAGER = {"latency", "first_call", "high_water_bytes", "process_peak_bytes", "allocations"}
JIT = EAGER | {"compile", "stages", "compiler_startup", "kernel_calls", "kernels_compiled", "kernels_reused",
               "object_bytes", "arena_bytes", "flops"}
STAGES = {"trace", "differentiate", "simplify", "fuse", "schedule", "emit", "lower", "translate", "codegen", "link"}
ROWS = {"w1": {"value", "value + gradient", "ascent step", "Hessian x vector", "Hessian", "Newton step"},
        "w2": {"value + gradient", "projected step", "Hessian x vector", "Hessian"},
        "w4": {"factor returns", "attribution", "value + gradient", "second derivative"},
        "w5": {"a: optimum", "a: value + gradient", "b: value + gradient", "b: Adam step"},
        "w10": {"FC: value + gradient", "FC: training step", "DQN: value + gradient", "DQN: training step"},
        "w3": {"f: value + gradient", "f: Hessian x vector", "f: Hessian, forward over reverse",
               "f: Hessian, reverse over reverse", "f: Newton step", "F: value + gradient",
               "F: Hessian, forward over reverse", "F: Hessian, reverse over reverse"}}


# What the ends of a workload's runs must have, and the largest residual that each method may end with.
RUNS = {"w1": {"gradient_norm"}, "w2": {"residual"}, "w3": {"gradient_norm", "residual"}, "w4": {"residual"}, "w5": set(),
        "w10": {"residual"}}
RESIDUALS = {("w3", "Newton"): 1e-12, ("w2", "Newton, active set"): 1e-9, ("w10", "FC, Adam"): 1e-4,
             ("w10", "DQN, Adam"): 0.23, ("w4", "attribution"): 1e-15, ("w5", "a: optimum"): 1e-12}


def need(keys, record, what):
    missing = set(keys) - set(record)
    assert not missing, f"{what} lacks {sorted(missing)}"


def checkRow(row):
    need({"name", "failure"}, row, "row")
    if "skipped" in row or row["failure"]:
        assert "jit" not in row and "speedup" not in row, f"{row['name']} has times"
        return
    need({"agreement", "speedup", "break_even", "eager", "jit"}, row, row["name"])
    need({"jit_eager", "jit_closed_form", "eager_closed_form", "jit_strict_bitwise"}, row["agreement"], row["name"])
    need(EAGER, row["eager"], row["name"] + " eager")
    need(JIT, row["jit"], row["name"] + " jit")
    assert set(row["jit"]["stages"]) == STAGES
    for mode in ("eager", "jit"):
        latency = row[mode]["latency"]
        need(LATENCY, latency, row["name"])
        assert 0 < latency["p5"] <= latency["median"] <= latency["p95"] and latency["samples"] >= 3
    assert abs(sum(row["jit"]["stages"].values()) - row["jit"]["compile"]) < 1e-9
    assert row["jit"]["arena_bytes"] <= row["jit"]["high_water_bytes"]


def checkRuns(workload):
    for run in workload["optimisation"]:
        name = workload["workload"]
        need({"method", "failure"}, run, "optimisation")
        if run["failure"] or "skipped" in run:
            continue
        need({"unit", "apart", "break_even", "stopped", "strict_bitwise"}, run, run["method"])
        assert run["strict_bitwise"] or name in ("w1", "w3"), run["method"]
        assert run["jit"].get("compilations", 1) == 1, run["method"]
        for mode in ("eager", "jit"):
            need({"w", "value", "iterations"} | RUNS[name], run[mode], run["method"])
            assert run[mode].get("residual", 0) <= RESIDUALS.get((name, run["method"]), 1)
            if not run["stopped"] and "marks" in run[mode]:
                assert run[mode]["complete"] and run[mode]["marks"][-1]["iterations"] == run[mode]["iterations"]
            for mark in run[mode].get("marks", []):
                need({"iterations", "seconds", "measured"}, mark, "mark")


record = json.load(sys.stdin)
need({"diptych", "options", "machine", "data", "workloads", "passed", "seconds"}, record, "record")
for workload in record["workloads"]:
    need({"workload", "title", "heading", "functions", "size", "rows", "optimisation"}, workload, "workload")
    names = {row["name"] for row in workload["rows"]}
    assert names == ROWS[workload["workload"]], names
    for row in workload["rows"]:
        checkRow(row)
    checkRuns(workload)
    if workload["workload"] == "w1":
        adds = [factor["sharpe"] for factor in workload["optimum"]["factors"]]
        assert len(adds) == workload["size"]["K"] and adds == sorted(adds, reverse=True)
failures = [run["failure"] for workload in record["workloads"] for run in workload["rows"] + workload["optimisation"]]
assert record["passed"] == (not any(failures))
print("record ok,", len(record["workloads"]), "workloads, passed" if record["passed"] else "workloads, failed")
