"""The bundle for a machine with a GPU: what it asks of that machine, and that it unpacks and runs, on the simulated device."""
import ctypes
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ["DIPTYCH_BUILD"]) / "bin" / "diptych-gpu"
LIBC = re.compile(r"^(linux-vdso|ld-linux-x86-64|libc|libm|libdl|libpthread|librt)\.so")


@unittest.skipUnless(PROGRAM.exists(), "diptych-gpu was not built: archives of LLVM or GoogleTest are missing")
class Bundle(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="diptych-gpu-"))
        cls.archive = cls.folder / "gpu-bundle.tar.xz"
        subprocess.run([ROOT / "tools" / "diptych-gpu" / "bundle", PROGRAM, cls.archive], check=True,
                       env={**os.environ, "XZ_OPT": "-0 -T0"})
        subprocess.run(["tar", "-xJf", cls.archive, "-C", cls.folder], check=True)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def runScript(self, script, *arguments, **variables):
        """With hardly an environment, from a folder of its own."""
        out = Path(tempfile.mkdtemp(dir=self.folder))
        done = subprocess.run([self.folder / "gpu-bundle" / script, *arguments], cwd=out, capture_output=True, text=True,
                              timeout=600, env={"PATH": "/usr/bin:/bin", "GPU_OUT": str(out), **variables})
        return done, out

    def test_needs_libc_alone(self):
        linked = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True, check=True).stdout
        others = [line for line in linked.splitlines() if not LIBC.match(Path(line.split()[0]).name)]
        self.assertFalse(others, "\n" + "\n".join(others))

    def test_fits_what_a_session_may_carry(self):
        self.assertLess(self.archive.stat().st_size, 60 << 20)

    def test_tests_run_and_are_counted(self):
        tests = "DeviceJit.*:Programs/DeviceFuzz.*:DeviceWorkloads.W8Tcn"
        simulated = {"DIPTYCH_CUDA": "simulate", "DIPTYCH_GPU_FUZZ": "2"}
        listed = subprocess.run([PROGRAM, "test", "--gtest_list_tests", "--gtest_filter=" + tests], capture_output=True,
                                text=True, check=True, env={**os.environ, **simulated}).stdout
        count = sum(line.startswith("  ") for line in listed.splitlines())
        self.assertGreater(count, 10)
        done, out = self.runScript("run-tests", GPU_JOBS="2", GPU_FILTER=tests, **simulated)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        record = json.loads((out / "gpu-tests.json").read_text())
        self.assertEqual((record["failed"], record["broken"], record["skipped"]), (0, 0, 1))
        self.assertEqual(record["passed"], count - 1)
        self.assertIn("SIMULATED", done.stdout)

    def test_a_test_that_does_not_end_is_told(self):
        done, out = self.runScript("run-tests", DIPTYCH_CUDA="simulate", GPU_SECONDS="1", GPU_JOBS="1",
                                   DIPTYCH_GPU_FUZZ="2000", GPU_FILTER="Programs/DeviceFuzz.*")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("not finished after 1 s", done.stdout)
        self.assertEqual(json.loads((out / "gpu-tests.json").read_text())["broken"], 1)

    def test_measurements_run(self):
        done, out = self.runScript("run-bench", "--tiny", "--only", "soft", DIPTYCH_CUDA="simulate", GPU_PYTHON="none")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        rows = {row["name"]: row for row in json.loads((out / "gpu-bench.json").read_text())["rows"]}
        self.assertIn("of_copy", rows["softmax f32"])
        self.assertIn("peers: SKIPPED", done.stdout)

    def test_every_measurement_runs_and_gives_the_cpus_results(self):
        done, out = self.runScript("run-bench", "--tiny", DIPTYCH_CUDA="simulate", GPU_PYTHON="none")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        rows = json.loads((out / "gpu-bench.json").read_text())["rows"]
        self.assertGreater(len(rows), 25)
        self.assertFalse([row for row in rows if "failed" in row])

    def test_without_a_gpu_nothing_is_claimed(self):
        try:
            ctypes.CDLL("libcuda.so.1")
        except OSError:
            pass
        else:
            self.skipTest("there is a driver here")
        for script in ("run-tests", "run-bench"):
            done, _ = self.runScript(script)
            self.assertEqual(done.returncode, 77)
            self.assertIn("SKIPPED, nothing was run: no GPU", done.stdout)


if __name__ == "__main__":
    unittest.main()
