"""Which systems are installed, and what a process that measures one is given. Needs nothing but Python."""

import importlib.util
import os
import sys


def installed(parser, chosen, known):
    """Of `chosen`, names by commas among `known`: those whose packages are there; the others are named."""
    there = []
    for name in chosen.split(","):
        if name not in known:
            parser.error(f"expected peers among {', '.join(known)}, got {name}")
        if importlib.util.find_spec(name):
            there.append(name)
        else:
            print(f"{parser.prog}: {name} is not installed: python3 -m pip install {name}", file=sys.stderr)
    return there


def environment(threads):
    """So many threads everywhere; OpenBLAS takes an unknown CPU for an old one, so it is told what it has."""
    counts = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "DIPTYCH_THREADS")
    values = os.environ | {name: str(threads) for name in counts}
    # Compiling is compiling: what an earlier run has left on disk does not count.
    values["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"
    if threads == 1:
        values["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    with open("/proc/cpuinfo") as file:
        if "avx512f" in file.read():
            values.setdefault("OPENBLAS_CORETYPE", "SkylakeX")
    return values


def keep_to(threads):
    """This process and those it starts: XLA has a thread for each CPU that it may run on."""
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:threads]))
