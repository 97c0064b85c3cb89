#!/usr/bin/env python3
"""Training steps (W8: forward, loss, backward, Adam) of six networks against PyTorch and JAX: a table of ratios.

diptych-steps writes what each row begins with and what its first steps make of it. Each system runs in a
process of its own and has its turn at every row. A peer whose package is missing is named and left out; one
whose losses or parameters differ after three steps has no time.

Sizes, by rows of the batch: tiny: dense 100, cnn1d 195 (sequences of 5), lstm 5 (8 steps, hidden 20), tcn 16,
lenet 4, factor_cnn 64. real: dense 1000, lstm 800 (20 steps, hidden 64), tcn 2000, lenet 64, factor_cnn 2000.
W8's large ones are left out. --size, --dtype, --only, --seconds and --samples are diptych-steps's, whose --help
explains them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import machine
import table as text

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = {"torch": ["eager", "compile"], "jax": ["jit"], "numpy": ["by_hand"]}


class Peer:
    """A process of <name>_steps.py: rows go in as lines of JSON, and their cells come out."""

    def __init__(self, name, mode, environment):
        command = [sys.executable, os.path.join(HERE, f"{name}_steps.py"), mode]
        self.name = f"{name} {mode}"
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def cell(self, row):
        try:
            print(json.dumps(row), file=self.process.stdin, flush=True)
            return json.loads(self.process.stdout.readline())
        except (BrokenPipeError, json.JSONDecodeError):
            self.process.kill()
            return {"failure": f"its process ended with {self.process.wait()}"}

    def end(self):
        self.process.communicate()


def rows_of(command, folder, peers, environment):
    """Every row as diptych-steps wrote it, with the cells of the peers; it waits while they measure."""
    with subprocess.Popen([*command, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          env=environment) as process:
        for line in process.stdout:
            row = json.loads(line)
            print(f"{row['name']} {row['dtype']}", file=sys.stderr)
            row["peers"] = {peer.name: peer.cell(row) for peer in peers}
            yield row
            print(file=process.stdin, flush=True)
    if process.returncode != 0:
        sys.exit(f"steps: {command[0]} ended with {process.returncode}")


def table(rows, names):
    lines, notes = [["", "", "jit ms", "jit first"] + names], []
    for row in rows:
        jit = row["latency"]["median"]
        line = [row["name"], row["dtype"], text.milliseconds(jit), text.milliseconds(row["first_call"])]
        for name in names:
            line.append(text.cell_text(row["peers"][name], jit, f"{name}, {row['name']} {row['dtype']}", notes))
        lines.append(line)
    text.print_table(lines, "A step. Peers: median over jit's median, and the first step in ms, compiling in it.", notes)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--diptych", default="diptych-steps", help="the command to run")
    parser.add_argument("--peers", default=",".join(PEERS), help="among " + ", ".join(PEERS))
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", help="write all records there")
    asked, arguments = parser.parse_known_args()
    machine.keep_to(asked.threads)
    environment = machine.environment(asked.threads)
    peers = [Peer(name, mode, environment) for name in machine.installed(parser, asked.peers, PEERS)
             for mode in PEERS[name]]
    with tempfile.TemporaryDirectory(prefix="diptych-steps-") as folder:
        rows = list(rows_of([asked.diptych, *arguments], folder, peers, environment))
    for peer in peers:
        peer.end()
    if asked.json:
        with open(asked.json, "w") as file:
            json.dump({"threads": asked.threads, "rows": rows}, file, indent=1)
    table(rows, [peer.name for peer in peers])


if __name__ == "__main__":
    main()
