"""Runs every suite and counts: GoogleTest and lit report to files; structure/ and install/ are unittests.

A suite that crashes, or that reports nothing, counts as a failure.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import unittest
import xml.etree.ElementTree
from pathlib import Path

HERE = Path(__file__).resolve().parent
SUITES = ("structure", "unit", "ops", "fuzz", "errors", "aot", "cuda", "lit", "readers", "install")
TIMEOUT = 3600


class Counts:
    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def __iadd__(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        return self

    def __str__(self):
        text = f"{self.passed} passed, {self.failed} failed"
        return text + (f", {self.skipped} skipped" if self.skipped else "")


def environment():
    values = dict(os.environ)
    values.setdefault("ASAN_OPTIONS", "detect_leaks=0:detect_container_overflow=0")
    values.setdefault("TSAN_OPTIONS", f"suppressions={HERE / 'tsan.txt'}")
    # Tests count what is compiled; those of the cache on disk give it a folder of their own.
    values["DIPTYCH_CACHE"] = "off"
    return values


def run(command):
    """The exit status, or None where the command ran past the limit."""
    sys.stdout.flush()
    try:
        return subprocess.run([str(part) for part in command], env=environment(), timeout=TIMEOUT).returncode
    except subprocess.TimeoutExpired:
        print(f"timed out after {TIMEOUT} s: {command[0]}", flush=True)
        return None


def settle(counts, status, name):
    """A suite that failed without naming a failed test still failed."""
    if status != 0 and counts.failed == 0:
        print(f"{name}: ended with status {status} without reporting a failed test", flush=True)
        counts.failed = 1
    elif counts.passed + counts.failed + counts.skipped == 0:
        print(f"{name}: reported no tests", flush=True)
        counts.failed = 1
    return counts


def runGoogleTest(binary, reports):
    report = reports / f"{binary.name}.json"
    report.unlink(missing_ok=True)
    status = run([binary, "--gtest_brief=1", f"--gtest_output=json:{report}"])
    counts = Counts()
    if report.exists():
        for suite in json.loads(report.read_text())["testsuites"]:
            for test in suite["testsuite"]:
                if test.get("failures"):
                    counts.failed += 1
                elif test["result"] == "COMPLETED":
                    counts.passed += 1
                else:
                    counts.skipped += 1
    return settle(counts, status, binary.name)


def runLit(build, reports):
    # The build's own record of where lit is; the script runs under the system's Python.
    cache = (build / "CMakeCache.txt").read_text().splitlines()
    tool = next(line.split("=", 1)[1] for line in cache if line.startswith("DIPTYCH_LIT:"))
    if not os.access(tool, os.X_OK):
        print(f"lit not found ({tool}); it comes with llvm-22-tools", flush=True)
        return Counts(failed=1)
    report = reports / "lit.xml"
    report.unlink(missing_ok=True)
    status = run([tool, "--test-output=failed", "--print-result-after=failed", "-j", os.cpu_count(),
                  f"--xunit-xml-output={report}", build / "tests"])
    counts = Counts()
    if report.exists():
        for suite in xml.etree.ElementTree.parse(report).getroot().iter("testsuite"):
            failed, skipped = int(suite.get("failures")), int(suite.get("skipped", 0))
            counts += Counts(int(suite.get("tests")) - failed - skipped, failed, skipped)
    return settle(counts, status, "lit")


def runUnittest(folder, build):
    os.environ["DIPTYCH_BUILD"] = str(build)
    sys.stdout.flush()
    suite = unittest.TestLoader().discover(str(folder), pattern="test_*.py", top_level_dir=str(folder))
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1).run(suite)
    failed = len({test.id().split(" ")[0] for test, _ in result.failures + result.errors})
    skipped = len(result.skipped)
    counts = Counts(max(result.testsRun - failed - skipped, 0), failed, skipped)
    return settle(counts, 0 if result.wasSuccessful() else 1, folder.name)


def main():
    parser = argparse.ArgumentParser(description="Runs the tests and counts them.")
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("suites", nargs="*", metavar="suite", help=" ".join(SUITES))
    options = parser.parse_args()
    unknown = set(options.suites) - set(SUITES)
    if unknown:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}; there are: {' '.join(SUITES)}")
    build = options.build.resolve()
    reports = build / "test-reports"
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir(parents=True)

    total = Counts()
    for name in options.suites or SUITES:
        print(f"== {name}", flush=True)
        if name in ("unit", "ops", "fuzz", "errors", "aot", "cuda"):
            if not any((HERE / name).glob("*.cpp")):
                print("no such tests in the tree")
                continue
            binary = build / "bin" / f"diptych-{name}-tests"
            if not binary.exists():
                print(f"{binary.name} was not built")
                counts = Counts(failed=1)
            else:
                counts = runGoogleTest(binary, reports)
            if any((HERE / name).glob("test_*.py")):
                counts += runUnittest(HERE / name, build)
        elif name == "lit":
            rooms = [room for room in ("ir", "passes", "codegen", "cli") if (HERE / room).is_dir()]
            if not rooms:
                print("no such tests in the tree")
                continue
            counts = runLit(build, reports)
        else:
            counts = runUnittest(HERE / name, build)
        print(f"   {name}: {counts}", flush=True)
        total += counts
    sys.stderr.flush()
    print(total, flush=True)
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
