"""What PyTorch, Triton and JAX need for the same work on the same machine.

Reads the record of `diptych-gpu bench`, makes the same inputs by the same formula, compares elements of every result
with those that the benchmark wrote, and only then takes times. A peer that is not installed is said to be missing.
`--device cpu` shows that everything runs; its times mean nothing.
"""
import argparse
import importlib
import json
import math
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
import numpy as np

import peers_jax
import peers_torch


def numbers(shape, dtype, seed):
    """Element i: the fraction of (i + 1) 2654435761 + 40503 seed over 2^32, less a half."""
    count = math.prod(shape)
    place = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(40503 * seed)
    return (((place & np.uint64(0xFFFFFFFF)).astype(np.float64) / 2.0**32) - 0.5).astype(dtype).reshape(shape)


def cases(tiny):
    """name -> inputs, in the order of interest; operations go by the first word or words of the name."""
    flat, side = (1 << 12, 48) if tiny else (1 << 26, 8192)
    rows, wide = ((6, 128), (2, 4500)) if tiny else ((65536, 1024), (512, 131072))
    f32, f64 = np.float32, np.float64

    def portfolio(T, N, K):
        return lambda: [numbers((K,), f64, 1), numbers((T, N, K), f64, 2), 0.02 * numbers((T, N), f64, 3)]

    def parity(n):
        root = numbers((n, n), f64, 4)
        return lambda: [numbers((n,), f64, 1) + 1.0, root @ root.T / n + np.eye(n), np.full((n,), 1.0 / n)]

    def images(x, w):
        return lambda: [numbers(x, f32, 1), numbers(w, f32, 2), numbers((w[0],), f32, 3)]

    def arrays(shape, dtype, count):
        shift = dtype(1 if count == 1 else 0)
        return lambda: [numbers(shape, dtype, i + 1) + shift for i in range(count)]

    def products(shape, dtype):
        return lambda: [numbers(shape, dtype, 1), numbers(shape, dtype, 2)]

    made = {
        "softmax f32": arrays(rows, f32, 1),
        "layer norm f32": arrays(rows, f32, 1),
        "five operators f32": arrays((flat,), f32, 2),
        "sum rows f32": arrays(rows, f32, 1),
        "W1 tiny": portfolio(16, 8, 3),
        "W1 real": portfolio(1000, 300, 8),
        "W1 large": portfolio(1000, 468, 158),
        "W8 dense": None,
        "W8 lenet": None,
        "W9 tiny": images((2, 3, 5, 4), (4, 3, 3, 3)),
        "W9 first layer": images((64, 1, 28, 28), (32, 1, 3, 3)),
        "W9 second layer": images((64, 32, 26, 26), (64, 32, 3, 3)),
        "W3 tiny": parity(8),
        "W3 95": parity(95),
        "W3 468": parity(468),
        "add f32": arrays((flat,), f32, 2),
        "add f64": arrays((flat // 2,), f64, 2),
        "tanh and exp f32": arrays((flat,), f32, 2),
        "tanh and exp f64": arrays((flat // 2,), f64, 2),
        "transpose f32": arrays((side, side), f32, 2),
        "sum all f32": arrays((flat,), f32, 1),
        "sum wide rows f32": arrays(wide, f32, 1),
        "sum columns f32": arrays(rows, f32, 1),
        "softmax f64": arrays(rows, f64, 1),
        "softmax wide f32": arrays(wide, f32, 1),
        "cumsum rows f32": arrays(rows, f32, 1),
        "matmul f32 70": lambda: [numbers((70, 60), f32, 1), numbers((60, 80), f32, 2)],
        "matmul batch f64 20": products((3, 20, 20), f64),
    }
    for name, dtype in (("f32", f32), ("f64", f64)):
        for n in (512, 1024, 4096):
            made[f"matmul {name} {n}"] = products((n, n), dtype)
        made[f"matmul batch {name} 128"] = products((256, 128, 128), dtype)
    return made


def toleranceOf(name):
    """Of the largest element: another order of sums, and cuDNN's algorithms."""
    if name.startswith("W9"):
        return 1e-3
    if name.startswith("matmul f32") or name.startswith("matmul batch f32"):
        return 1e-4
    return 3e-5 if "f32" in name else 1e-9


def differs(name, results, folder):
    """Why results are not those of the samples; None where they are."""
    for i, result in enumerate(results):
        file = folder / ((name + (f".{i}" if i else "")).replace(" ", "_") + ".f64")
        if not file.exists():
            return f"{file.name} is missing"
        ours = np.fromfile(file, dtype=np.float64)
        flat = np.asarray(result, dtype=np.float64).reshape(-1)
        theirs = flat[:: (flat.size + 4095) // 4096]
        if ours.shape != theirs.shape:
            return f"result {i} has {flat.size} elements"
        far = np.abs(ours - theirs).max() / max(np.abs(theirs).max(), 1e-300)
        if not far <= toleranceOf(name):
            return f"result {i} is {far:.2g} of the largest element away"
    return None


def timed(measure, run, budget):
    """Median seconds of a run; `measure(run, n)` gives those of n runs in a row."""
    for _ in range(3):
        measure(run, 1)
    once = max(measure(run, 1), 1e-6)
    count = int(min(max(0.01 / once, 1), 1000))
    measure(run, count)
    return statistics.median(measure(run, count) / count for _ in range(budget))


class Record:
    def __init__(self, options, ours):
        self.options, self.ours, self.rows, self.wrong = options, ours, [], 0
        self.versions = {}

    def add(self, name, peer, **values):
        row = {"name": name, "peer": peer, **values}
        if "seconds" in row and self.ours[name].get("seconds"):
            row["peer_over_ours"] = row["seconds"] / self.ours[name]["seconds"]
        self.rows.append(row)
        text = "  ".join(f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
                         for key, value in row.items() if key not in ("name", "peer"))
        print(f"{name:<24} {peer:<20} {text}", flush=True)
        if self.options.json:
            self.options.json.write_text(json.dumps({"versions": self.versions, "rows": self.rows}, indent=1))

    def run(self, name, peer, prepare, library):
        """prepare() gives (a function of nothing, its results as arrays or a loss); errors are a row of their own."""
        if time.monotonic() > self.options.until:
            self.add(name, peer, skipped="out of time")
            return
        try:
            run, results = prepare()
            if isinstance(results, float):
                expected = self.ours[name]["loss"]
                why = None if abs(results - expected) <= 1e-6 * abs(expected) else f"loss {results}, ours {expected}"
            else:
                why = differs(name, results, self.options.samples)
            if why:
                self.wrong += 1
                self.add(name, peer, differs=why)
            else:
                self.add(name, peer, seconds=timed(library.measure, run, self.options.repeats))
        except Exception as error:  # pylint: disable=broad-except
            self.add(name, peer, failed=f"{type(error).__name__}: {str(error)[:300]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--record", type=Path, required=True)
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--only", default="")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=250)
    options = parser.parse_args()
    options.until = time.monotonic() + options.seconds
    ours = json.loads(options.record.read_text())
    rows = {row["name"]: row for row in ours["rows"] if "failed" not in row}
    record = Record(options, rows)
    wanted = {name: inputs for name, inputs in cases(ours["tiny"]).items() if name in rows and options.only in name}
    for module in (peers_torch, peers_jax):
        missing = [name for name in module.NEEDS if not importlib.util.find_spec(name)]
        if missing:
            print(f"{module.__name__}: SKIPPED, not installed: {', '.join(missing)}", flush=True)
            continue
        try:
            library = module.Peer(options.device)
        except Exception as error:  # pylint: disable=broad-except
            print(f"{module.__name__}: SKIPPED, {type(error).__name__}: {error}", flush=True)
            continue
        record.versions.update(library.versions())
        for name, inputs in wanted.items():
            for peer, prepare in library.peers(name, inputs):
                record.run(name, peer, prepare, library)
            library.release()
    if not record.rows:
        print("peers: none was measured", flush=True)
    return 1 if record.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
