"""Runs the libFuzzer targets of the readers: seeds from the tree, then a fixed number of inputs, or a time. What ends a
target is kept under <build>/fuzz/<name>/found, and its name printed."""
import argparse
import gzip
import io
import json
import os
import re
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("text", "safetensors", "npz", "prices", "saved")
# Inputs of one run in the tests: seconds in all. Parsing a module costs more than a table of numbers.
RUNS = {"text": 8000, "safetensors": 40000, "npz": 20000, "prices": 6000, "saved": 8000}


def partsOfSaved(data):
    """(program, weights) of a saved function (docs/saved.md)."""
    length, = struct.unpack_from("<Q", data, 12)
    header = json.loads(data[20:20 + length])
    program = data[20 + length:20 + length + header["program_bytes"]]
    return program, data[20 + length + header["program_bytes"]:-4]


def npy(descr, shape, data, order=False):
    header = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}".encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def archive(method, *arrays):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as packed:
        for i, array in enumerate(arrays):
            packed.writestr(f"a{i}.npy", array)
    return file.getvalue()


def seeds(name):
    saved = [path.read_bytes() for path in sorted((ROOT / "tests" / "unit" / "Inputs").glob("*.diptych"))]
    if name == "saved":
        return saved
    if name == "safetensors":
        return [weights for data in saved if (weights := partsOfSaved(data)[1])]
    if name == "text":
        found = [partsOfSaved(data)[0] for data in saved]
        for path in sorted(ROOT.glob("tests/*/*.mlir")):
            text = "\n".join(line for line in path.read_text().splitlines() if not line.lstrip().startswith("//"))
            found += [part.encode() for part in re.split(r"\n(?=func\.func)|// -----", text) if len(part) < 2000]
        return found
    if name == "npz":
        arrays = [npy("<f8", "(2, 3)", bytes(48)), npy("<i4", "(3,)", bytes(12), True), npy("|b1", "()", b"\1")]
        return arrays + [archive(zipfile.ZIP_STORED, *arrays), archive(zipfile.ZIP_DEFLATED, *arrays)]
    wide = b"date,A,B\n2024-01-02,1,2\n2024-01-03,1.5,NA\n2024-01-04,\"1.25\",2e1\n"
    long = (b"symbol,date,open,high,low,close,volume,adj close\nA,20240102,1,2,1,2,100,2\nA,20240103,1,2,1,2,0,1\n"
            b"B,20240103,1,2,1,2,,2\n")
    american = b"Date;A\n".replace(b";", b",") + b"1/15/2024,1\r\n1/16/2024,2\r\n"
    return [wide, long, american, gzip.compress(wide, mtime=0), gzip.compress(wide, mtime=0) + gzip.compress(b"x", mtime=0)]


def run(build, name, limit, seed=1):
    """(exit status, what libFuzzer printed)."""
    folder = build / "fuzz" / name
    found, corpus = folder / "found", folder / "seeds"
    for path in (found, corpus):
        path.mkdir(parents=True, exist_ok=True)
    for i, data in enumerate(seeds(name)):
        (corpus / f"seed-{i}").write_bytes(data)
    command = [build / "bin" / f"diptych-fuzz-{name}", f"-artifact_prefix={found}/", f"-seed={seed}", "-timeout=20",
               "-rss_limit_mb=3000", "-max_len=4096", "-print_final_stats=1", "-reload=0", limit]
    # New inputs go to a folder of their own where the run is long, so that the next run goes on from there.
    kept = folder / "kept"
    if limit.startswith("-max_total_time"):
        kept.mkdir(exist_ok=True)
        command.append(kept)
    environment = dict(os.environ, ASAN_OPTIONS="detect_leaks=0:detect_container_overflow=0:allocator_may_return_null=1")
    result = subprocess.run([str(part) for part in command + [corpus]], capture_output=True, text=True, errors="replace",
                            env=environment)
    return result.returncode, result.stdout + result.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("names", nargs="*", metavar="target", help=" ".join(NAMES))
    options = parser.parse_args()
    failed = False
    for name in options.names or NAMES:
        if name not in NAMES:
            parser.error(f"no such target: {name}; there are: {' '.join(NAMES)}")
        status, text = run(options.build.resolve(), name, f"-max_total_time={options.seconds}", seed=os.getpid())
        count = re.search(r"stat::number_of_executed_units: *(\d+)", text)
        print(f"{name}: {count[1] if count else '?'} inputs, {'nothing found' if status == 0 else 'FAILED'}", flush=True)
        if status:
            print(text[-6000:])
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
