#!/usr/bin/env python3
"""Kernels on one thread: artefacts of Diptych against NumPy's BLAS, PyTorch (MKL, oneDNN) and JAX (XLA).

Each system runs in a process of its own on inputs made from the same seeds. Results are compared with
NumPy's in float64 before anything is timed. Diptych is called through python/diptych_loader.py, the others
as their users call them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

import harness
import machine
import table as text

HERE = os.path.dirname(os.path.abspath(__file__))
DTYPES = {"f64": np.float64, "f32": np.float32}


class Case:
    """A kernel: its inputs' shapes, its work (flops, or bytes that must be moved), and the same thing in every
    system: `mlir` is the body of a function of %a, %b with {T} for the element type."""

    def __init__(self, name, shapes, mlir, reference, torch, jax, flops=None, moved=None):
        self.name, self.shapes, self.mlir, self.reference = name, shapes, mlir, reference
        self.torch, self.jax, self.flops, self.moved = torch, jax, flops, moved

    def inputs(self, dtype):
        draw = np.random.default_rng(len(self.name))
        return [draw.standard_normal(shape).astype(DTYPES[dtype]) for shape in self.shapes]

    def text(self, dtype):
        types = ["tensor<" + "x".join(map(str, shape)) + f"x{dtype}>" for shape in self.shapes]
        parameters = ", ".join(f"%{letter}: {type_}" for letter, type_ in zip("ab", types))
        body, result = self.mlir.replace("{T}", dtype).rsplit(" -> ", 1)
        return f"func.func @main({parameters}) -> {result} {{\n{body} -> {result}\n  return %r : {result}\n}}\n"


def product(m, k, n, batch=None):
    lead = "" if batch is None else f"{batch}x"
    shapes = [(m, k), (k, n)] if batch is None else [(batch, m, k), (batch, k, n)]
    a, b, r = f"tensor<{lead}{m}x{k}x{{T}}>", f"tensor<{lead}{k}x{n}x{{T}}>", f"tensor<{lead}{m}x{n}x{{T}}>"
    return Case(f"product {lead}{m}x{k}x{n}", shapes, f"  %r = diptych.matmul %a, %b : {a}, {b} -> {r}",
                np.matmul, lambda torch, a, b: a @ b, lambda jax, a, b: a @ b, flops=2.0 * m * k * n * (batch or 1))


def product_transposed(n):
    t = f"tensor<{n}x{n}x{{T}}>"
    mlir = (f"  %t = diptych.transpose %b {{axes = array<i64: 1, 0>}} : {t} -> {t}\n"
            f"  %r = diptych.matmul %a, %t : {t}, {t} -> {t}")
    return Case(f"product with b' {n}", [(n, n), (n, n)], mlir, lambda a, b: a @ b.T,
                lambda torch, a, b: a @ b.T, lambda jax, a, b: a @ b.T, flops=2.0 * n**3)


def softmax(rows, columns):
    x, r = f"tensor<{rows}x{columns}x{{T}}>", f"tensor<{rows}x{{T}}>"
    wide = f"{{axes = array<i64: 0>}} : {r} -> {x}"
    mlir = (f"  %m = diptych.max %a {{axes = array<i64: 1>}} : {x} -> {r}\n  %w = diptych.broadcast %m {wide}\n"
            f"  %d = diptych.sub %a, %w : {x}, {x} -> {x}\n  %e = diptych.exp %d : {x} -> {x}\n"
            f"  %s = diptych.sum %e {{axes = array<i64: 1>}} : {x} -> {r}\n  %v = diptych.broadcast %s {wide}\n"
            f"  %r = diptych.div %e, %v : {x}, {x} -> {x}")

    def reference(a):
        e = np.exp(a - a.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    return Case(f"softmax {rows}x{columns}", [(rows, columns)], mlir, reference,
                lambda torch, a: torch.softmax(a, 1), lambda jax, a: jax.nn.softmax(a, 1), moved=2 * rows * columns)


def chain(count):
    t = f"tensor<{count}x{{T}}>"
    mlir = (f"  %t = diptych.tanh %a : {t} -> {t}\n  %p = diptych.mul %t, %b : {t}, {t} -> {t}\n"
            f"  %e = diptych.exp %p : {t} -> {t}\n  %r = diptych.add %e, %a : {t}, {t} -> {t}")
    return Case(f"exp(tanh(a) b) + a, {count}", [(count,), (count,)], mlir, lambda a, b: np.exp(np.tanh(a) * b) + a,
                lambda torch, a, b: torch.exp(torch.tanh(a) * b) + a,
                lambda jax, a, b: jax.numpy.exp(jax.numpy.tanh(a) * b) + a, moved=3 * count)


def total(rows, columns, axis):
    x, r = f"tensor<{rows}x{columns}x{{T}}>", f"tensor<{columns if axis == 0 else rows}x{{T}}>"
    return Case(f"sum {rows}x{columns} over axis {axis}", [(rows, columns)],
                f"  %r = diptych.sum %a {{axes = array<i64: {axis}>}} : {x} -> {r}", lambda a: a.sum(axis),
                lambda torch, a: a.sum(axis), lambda jax, a: a.sum(axis), moved=rows * columns)


def convolution(n, c, size, o):
    p = size - 2
    x, w, r = f"tensor<{n}x1x{c}x{size}x{size}x{{T}}>", f"tensor<1x{o}x{c}x3x3x{{T}}>", f"tensor<{n}x1x{o}x{p}x{p}x{{T}}>"
    ones = "strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>"

    def reference(a, b):
        windows = np.lib.stride_tricks.sliding_window_view(a[:, 0], (3, 3), (2, 3))
        return np.einsum("ncpqhw,ochw->nopq", windows, b[0], optimize=True)[:, None]

    return Case(f"convolution {n}x{c}x{size}x{size}, {o} kernels 3x3", [(n, 1, c, size, size), (1, o, c, 3, 3)],
                f"  %r = diptych.convolution %a, %b {{{ones}}} : {x}, {w} -> {r}", reference,
                lambda torch, a, b: torch.conv2d(a[:, 0], b[0])[:, None],
                lambda jax, a, b: jax.lax.conv(a[:, 0], b[0], (1, 1), "VALID")[:, None],
                flops=2.0 * n * o * p * p * c * 9)


CASES = [product(64, 64, 64), product(256, 256, 256), product(1024, 1024, 1024), product(509, 511, 513),
         product(4096, 256, 8), product(64, 64, 64, batch=64), product(2048, 2048, 1), product_transposed(512),
         convolution(64, 32, 26, 64), softmax(1000, 300), chain(1_000_000), total(4000, 1000, 1),
         total(100_000, 8, 0)]


def outcome(got):
    return [np.asarray(got)]


def diptych(command):
    sys.path.insert(0, os.path.join(HERE, "..", "..", "python"))
    import diptych_loader
    folder = tempfile.TemporaryDirectory(prefix="diptych-kernels-")

    def prepare(case, dtype, given):
        text = os.path.join(folder.name, "kernel.mlir")
        with open(text, "w") as file:
            file.write(case.text(dtype))
        name = f"k{CASES.index(case)}_{dtype}"
        library = os.path.join(folder.name, f"lib{name}.so")
        subprocess.run([command, "compile", text, "-o", library], check=True, stdout=subprocess.DEVNULL)
        function = diptych_loader.load(library).main
        out = function(*given)
        return lambda: function(*given, out=out), outcome

    return prepare


def numpy_peer():
    return lambda case, dtype, given: (lambda: case.reference(*given), outcome)


def torch_peer():
    import torch
    torch.set_num_threads(1)

    def prepare(case, dtype, given):
        tensors = [torch.from_numpy(array) for array in given]
        return lambda: case.torch(torch, *tensors), outcome

    return prepare


def jax_peer():
    import jax
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")

    def prepare(case, dtype, given):
        compiled, arrays = jax.jit(lambda *a: case.jax(jax, *a)), [jax.numpy.asarray(a) for a in given]
        return lambda: jax.block_until_ready(compiled(*arrays)), outcome

    return prepare


PEERS = {"numpy": numpy_peer, "torch": torch_peer, "jax": jax_peer}


def cells(prepare, options, only):
    for case in CASES:
        if only not in case.name:
            continue
        for dtype in DTYPES:
            given = case.inputs(dtype)
            expected = [case.reference(*(a.astype(np.float64) for a in given))]
            cell = {"case": case.name, "dtype": dtype}
            try:
                cell |= harness.measure(lambda model, given: prepare(case, dtype, given), None, given, expected,
                                        options, 1e-10 if dtype == "f64" else 1e-4)
            except Exception as error:  # a finding, not an end
                cell |= {"failure": f"{type(error).__name__}: {str(error).splitlines()[0]}"[:200]}
            yield cell


def measured(system, arguments):
    command = [sys.executable, os.path.abspath(__file__), "--system", system, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, env=machine.environment(1))
    if done.returncode != 0:
        sys.exit(f"kernels: {system} ended with {done.returncode}")
    return json.loads(done.stdout)


def rate(case, dtype, seconds):
    if case.flops:
        return f"{1e-9 * case.flops / seconds:.3g} GFLOP/s"
    return f"{1e-9 * case.moved * DTYPES[dtype]().itemsize / seconds:.3g} GB/s"


def table(systems, results):
    lines, notes = [["", "", "diptych ms", ""] + systems[1:]], []
    for i, ours in enumerate(results["diptych"]):
        case = next(case for case in CASES if case.name == ours["case"])
        if ours["failure"]:
            sys.exit(f"kernels: {ours['case']} {ours['dtype']}: {ours['failure']}")
        median = ours["latency"]["median"]
        line = [case.name, ours["dtype"], f"{1e3 * median:.3g}", rate(case, ours["dtype"], median)]
        for system in systems[1:]:
            cell = results[system][i]
            line.append("-" if cell["failure"] else f"{cell['latency']['median'] / median:.2f}x")
            if cell["failure"]:
                notes.append(f"{system}, {case.name} {ours['dtype']}: {cell['failure']}")
        lines.append(line)
    text.print_table(lines, "One thread each. Peers: median over Diptych's median, so above 1 they are slower.",
                     notes)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--diptych", default="diptych", help="the command to run")
    parser.add_argument("--peers", default=",".join(PEERS), help="among " + ", ".join(PEERS))
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("--seconds", type=float, default=1.0, help="budget of one measurement")
    parser.add_argument("--samples", type=int, default=50)
    parser.add_argument("--json", help="write all records there")
    parser.add_argument("--system", help=argparse.SUPPRESS)  # the measuring process
    asked = parser.parse_args()
    if asked.system:
        prepare = diptych(asked.diptych) if asked.system == "diptych" else PEERS[asked.system]()
        options = {"seconds": asked.seconds, "samples": asked.samples}
        return json.dump(list(cells(prepare, options, asked.only)), sys.stdout)
    systems = ["diptych", *machine.installed(parser, asked.peers, PEERS)]
    machine.keep_to(1)
    arguments = ["--diptych", asked.diptych, "--only", asked.only, "--seconds", str(asked.seconds), "--samples", str(asked.samples)]
    results = {system: measured(system, arguments) for system in systems}
    if asked.json:
        with open(asked.json, "w") as file:
            json.dump(results, file, indent=1)
    table(systems, results)


if __name__ == "__main__":
    main()
