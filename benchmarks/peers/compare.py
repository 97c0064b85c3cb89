#!/usr/bin/env python3
"""Diptych against the systems that are installed, on the same numbers: a table of ratios.

Runs `diptych study --export`, then each peer and mode in a process of its own. A peer whose package
is missing is named and left out; a result that differs has no time.
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
PEERS = {"torch": ["eager", "compile"], "jax": ["jit"], "casadi": ["machine"], "numpy": ["by_hand"]}


def study(diptych, folder, arguments):
    record = os.path.join(folder, "record.json")
    done = subprocess.run([diptych, "study", "--json", record, "--export", folder, *arguments],
                          stdout=subprocess.DEVNULL)
    if done.returncode not in (0, 1):  # 1: a check failed, which the rows say
        sys.exit(f"compare: diptych study ended with {done.returncode}")
    with open(record) as file:
        return record, json.load(file)


def measured(peer, mode, record, folder, threads):
    command = [sys.executable, os.path.join(HERE, f"{peer}_peer.py"), record, folder, "--mode", mode,
               "--threads", str(threads)]
    done = subprocess.run(command, stdout=subprocess.PIPE, env=machine.environment(threads))
    if done.returncode != 0:
        print(f"compare: {peer} {mode} ended with {done.returncode}", file=sys.stderr)
        return {"peer": peer, "version": "", "mode": mode, "rows": []}
    return json.loads(done.stdout)


def table(record, peers):
    """One line a row: Diptych's medians, and of each peer its median over jit's."""
    names = [f"{p['peer']} {p['mode']}" for p in peers]
    lines, notes = [["", "eager ms", "jit ms", "jit first"] + names], []
    for workload in record["workloads"]:
        size = " ".join(f"{key}={count}" for key, count in workload["size"].items())
        for row in workload["rows"]:
            if "jit" not in row:
                continue
            jit = row["jit"]["latency"]["median"]
            line = [f"{workload['workload']} {size}: {row['name']}",
                    text.milliseconds(row["eager"]["latency"]["median"]), text.milliseconds(jit),
                    text.milliseconds(row["jit"]["first_call"])]
            for name, peer in zip(names, peers):
                cell = next((c for c in peer["rows"] if (c["workload"], c["size"], c["name"]) ==
                             (workload["workload"], workload["size"], row["name"])), None)
                line.append(text.cell_text(cell, jit, f"{name}, {line[0]}", notes))
            lines.append(line)
    text.print_table(lines, "Peers: median over jit's median, and the first call in ms, compiling in it.", notes)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--diptych", default="diptych", help="the command to run")
    parser.add_argument("--peers", default=",".join(PEERS), help="among " + ", ".join(PEERS))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--json", help="write all records there")
    asked, arguments = parser.parse_known_args()
    chosen = machine.installed(parser, asked.peers, PEERS)
    with tempfile.TemporaryDirectory(prefix="diptych-peers-") as folder:
        path, record = study(asked.diptych, folder, [*arguments, "--threads", str(asked.threads)])
        peers = [measured(peer, mode, path, folder, asked.threads) for peer in chosen for mode in PEERS[peer]]
    if asked.json:
        with open(asked.json, "w") as file:
            json.dump({"study": record, "peers": peers}, file, indent=1)
    table(record, peers)


if __name__ == "__main__":
    main()
