"""python/diptych_loader.py against eager results, under the Python that has NumPy (DIPTYCH_PYTHON chooses another)."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = Path(os.environ.get("DIPTYCH_BUILD", ROOT / "build" / "release"))
MODEL = """
func.func private @loss(%w: tensor<3xf64>, %x: tensor<4x3xf64>) -> tensor<f64> {
  %b = diptych.broadcast %w {axes = array<i64: 1>} : tensor<3xf64> -> tensor<4x3xf64>
  %m = diptych.mul %x, %b : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xf64>
  %t = diptych.tanh %m : tensor<4x3xf64> -> tensor<4x3xf64>
  %s = diptych.sum %t {axes = array<i64: 0, 1>} : tensor<4x3xf64> -> tensor<f64>
  return %s : tensor<f64>
}
func.func @main(%w: tensor<3xf64>, %x: tensor<4x3xf64>, %i: tensor<2xi64>) -> (tensor<f64>, tensor<3xf64>, tensor<2x3xf64>) {
  %one = diptych.constant dense<1.0> : tensor<f64>
  %y, %dw = diptych.vjp @loss(%w, %x) cotangents(%one) wrt [0] : (tensor<3xf64>, tensor<4x3xf64>, tensor<f64>) -> (tensor<f64>, tensor<3xf64>)
  %r = diptych.gather %x, %i {axis = 0 : i64} : tensor<4x3xf64>, tensor<2xi64> -> tensor<2x3xf64>
  return %y, %dw, %r : tensor<f64>, tensor<3xf64>, tensor<2x3xf64>
}
func.func @other(%x: tensor<f32>, %p: tensor<i1>) -> (tensor<f32>, tensor<i1>) {
  %e = diptych.exp %x : tensor<f32> -> tensor<f32>
  %n = diptych.logical_not %p : tensor<i1> -> tensor<i1>
  return %e, %n : tensor<f32>, tensor<i1>
}
func.func @halves(%x: tensor<3xf16>, %y: tensor<3xbf16>) -> (tensor<3xf16>, tensor<3xbf16>) {
  %e = diptych.exp %x : tensor<3xf16> -> tensor<3xf16>
  %n = diptych.mul %y, %y : tensor<3xbf16>, tensor<3xbf16> -> tensor<3xbf16>
  return %e, %n : tensor<3xf16>, tensor<3xbf16>
}
"""


def run(*command):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if result.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}: status {result.returncode}\n{result.stdout[-3000:]}{result.stderr[-3000:]}")
    return result.stdout


class Loader(unittest.TestCase):
    def setUp(self):
        self.python = os.environ.get("DIPTYCH_PYTHON") or ("/usr/bin/python3" if Path("/usr/bin/python3").exists() else "python3")
        if subprocess.run([self.python, "-c", "import numpy"], capture_output=True).returncode:
            self.skipTest(f"{self.python} has no NumPy")
        if not any(shutil.which(name) for name in ("cc", "gcc", "clang", "ld.lld", "ld.lld-22")):
            self.skipTest("there is no linker")
        folder = tempfile.TemporaryDirectory(prefix="diptych-loader-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.diptych = BUILD / "bin" / "diptych"

    def results(self, file, *options):
        return json.loads(run(self.diptych, "run", file, "--interpret", "--json", *options))["results"]

    def test_agrees_with_eager_results_bit_for_bit(self):
        model = self.folder / "model.mlir"
        model.write_text(MODEL)
        saved = ROOT / "tests" / "unit" / "Inputs" / "saved_0.1.0_weights.diptych"
        strict = ("--numerics", "strict")
        run(self.diptych, "compile", model, "-o", self.folder / "libmodel.so", *strict)
        run(self.diptych, "compile", model, "-o", self.folder / "libthreaded.so", "--threads", "4", *strict)
        run(self.diptych, "compile", saved, "-o", self.folder / "libembedded.so", *strict)
        run(self.diptych, "compile", saved, "-o", self.folder / "libbeside.so", "--weights", "file", *strict)
        run(BUILD / "bin" / "probe-maker", "--name", "sized", "--directory", self.folder, "--kind", "shared", *strict)
        shutil.copy(self.folder / "beside.safetensors", self.folder / "moved.safetensors")
        x = ",".join(repr(i / 7 - 0.5) for i in range(12))
        expected = {
            "main": self.results(model, "--input", "0=0.5,-1.25,2", "--input", f"1={x}", "--input", "2=2,0"),
            "other": self.results(model, "--function", "other", "--input", "0=1.5", "--input", "1=1"),
            "halves": self.results(model, "--function", "halves", "--input", "0=0.5,-1.25,20", "--input", "1=0.5,3.140625,-1267650600228229401496703205376"),
            "saved": self.results(saved, "--input", "0=0.1,0.2,-0.3")}
        results = self.folder / "results.json"
        results.write_text(json.dumps(expected))
        text = run(self.python, HERE / "loader_checks.py", ROOT / "python" / "diptych_loader.py", self.folder, results)
        self.assertIn("agrees", text)


if __name__ == "__main__":
    unittest.main()
