"""A program of ours that measures rows, and other systems that have a turn at each: what steps.py and hessians.py are.

The program writes what a row begins with and what becomes of it, and its times as a line of JSON; it waits while
the others measure. Each of them runs in a process of its own. A peer whose package is missing is named and left
out; one whose results differ has no time.
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


class Peer:
    """A process of <name>_<kind>.py: rows go in as lines of JSON, and their cells come out."""

    def __init__(self, name, mode, kind, environment):
        command = [sys.executable, os.path.join(HERE, f"{name}_{kind}.py"), mode]
        self.name = f"{name} {mode}"
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=environment)

    def cell(self, row):
        try:
            print(json.dumps(row), file=self.process.stdin, flush=True)
            return json.loads(self.process.stdout.readline())
        except (BrokenPipeError, json.JSONDecodeError):
            self.process.kill()
            return {"failure": f"its process ended with {self.process.wait()}"}

    def end(self):
        self.process.communicate()


class Comparison:
    """`kind` names the programs, `peers` the modes of each; `aspect` is what a row has beside its name, `unit` and
    `time` say how our times are told, and `legend` what a table means."""

    def __init__(self, kind, peers, aspect, unit, time, legend):
        self.kind, self.peers, self.aspect = kind, peers, aspect
        self.unit, self.time, self.legend = unit, time, legend

    def rows(self, command, folder, peers, environment):
        """Every row as our program wrote it, with the cells of the peers."""
        with subprocess.Popen([*command, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                              env=environment) as process:
            for line in process.stdout:
                row = json.loads(line)
                print(f"{row['name']} {row[self.aspect]}", file=sys.stderr)
                row["peers"] = {peer.name: peer.cell(row) for peer in peers}
                yield row
                print(file=process.stdin, flush=True)
        if process.returncode != 0:
            sys.exit(f"{self.kind}: {command[0]} ended with {process.returncode}")

    def table(self, rows, names):
        lines, notes = [["", "", f"jit {self.unit}", "jit first"] + names], []
        for row in rows:
            jit, where = row["latency"]["median"], f"{row['name']} {row[self.aspect]}"
            cells = [text.cell_text(row["peers"][name], jit, f"{name}, {where}", notes) for name in names]
            lines.append([row["name"], row[self.aspect], self.time(jit), text.milliseconds(row["first_call"])] + cells)
        text.print_table(lines, self.legend, notes)

    def main(self, description):
        parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("--diptych", default=f"diptych-{self.kind}", help="the command to run")
        parser.add_argument("--peers", default=",".join(self.peers), help="among " + ", ".join(self.peers))
        parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
        parser.add_argument("--json", help="write all records there")
        asked, arguments = parser.parse_known_args()
        machine.keep_to(asked.threads)
        environment = machine.environment(asked.threads)
        peers = [Peer(name, mode, self.kind, environment) for name in machine.installed(parser, asked.peers, self.peers)
                 for mode in self.peers[name]]
        with tempfile.TemporaryDirectory(prefix=f"diptych-{self.kind}-") as folder:
            rows = list(self.rows([asked.diptych, *arguments], folder, peers, environment))
        for peer in peers:
            peer.end()
        if asked.json:
            with open(asked.json, "w") as file:
                json.dump({"threads": asked.threads, "rows": rows}, file, indent=1)
        self.table(rows, [peer.name for peer in peers])
