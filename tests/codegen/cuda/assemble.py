"""Assembles the PTX of a dialect file with ptxas for every architecture and holds it to limits: no spills, no stack.

assemble.py <file.mlir>...; registers are reported. Used by assemble.test where ptxas is installed.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

ARCHITECTURES = ("sm_80", "sm_90", "sm_100")
SPILLS = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
REGISTERS = re.compile(r"Used (\d+) registers")


def assemble(source, architecture, folder):
    ptx = folder / f"{source.stem}.{architecture}.ptx"
    subprocess.run(["diptych-opt", source, "--diptych-form-fusions",
                    f"--diptych-emit-ptx=arch={architecture} output={ptx}", "-o", "/dev/null"], check=True)
    result = subprocess.run(["ptxas", "-v", f"-arch={architecture}", ptx, "-o", folder / "out.cubin"],
                            capture_output=True, text=True)
    if result.returncode:
        return f"{source.name} {architecture}: ptxas failed\n{result.stderr}", 0, 0
    frames = [tuple(map(int, found)) for found in SPILLS.findall(result.stderr)]
    registers = [int(found) for found in REGISTERS.findall(result.stderr)]
    if not frames or len(frames) != len(registers):
        return f"{source.name} {architecture}: ptxas reported no kernels\n{result.stderr}", 0, 0
    spilled = [frame for frame in frames if any(frame)]
    problem = f"{source.name} {architecture}: stack or spills {spilled}" if spilled else None
    return problem, len(frames), max(registers)


def main():
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for source in map(pathlib.Path, sys.argv[1:]):
            for architecture in ARCHITECTURES:
                problem, kernels, registers = assemble(source, architecture, pathlib.Path(folder))
                print(problem or f"{source.name} {architecture}: {kernels} kernels, at most {registers} registers")
                failed = failed or bool(problem)
    sys.exit(1 if failed else 0)


main()
