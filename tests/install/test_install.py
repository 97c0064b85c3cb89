"""Installs the build to a fresh folder and uses it from a project outside the tree, compiled with g++."""
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("DIPTYCH_BUILD", HERE.parents[1] / "build" / "release"))


def run(command, **options):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if result.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}: status {result.returncode}\n"
                             f"{result.stdout[-4000:]}\n{result.stderr[-4000:]}")
    return result.stdout


def sanitized():
    return any(line.startswith("DIPTYCH_SANITIZE:") and line.split("=", 1)[1]
               for line in (BUILD / "CMakeCache.txt").read_text().splitlines())


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.compiler = shutil.which("g++-12") or shutil.which("g++")
        if not cls.compiler:
            raise unittest.SkipTest("g++ is not installed")
        if sanitized():
            raise unittest.SkipTest("a sanitized library needs a sanitized program")
        cls.folder = tempfile.TemporaryDirectory(prefix="diptych-install-")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.prefix = Path(cls.folder.name) / "prefix"
        cls.outside = Path(cls.folder.name) / "build"
        run(["cmake", "--install", BUILD, "--prefix", cls.prefix])
        run(["cmake", "-G", "Ninja", "-S", HERE, "-B", cls.outside, f"-DCMAKE_PREFIX_PATH={cls.prefix}",
             f"-DCMAKE_CXX_COMPILER={cls.compiler}", "-DCMAKE_BUILD_TYPE=Release"])

    def test_eager_program_builds_and_runs_without_llvm(self):
        run(["cmake", "--build", self.outside, "--target", "eager"])
        self.assertEqual(run([self.outside / "eager"]).strip(), "9 3 12")
        linked = run(["ldd", self.outside / "eager"])
        self.assertNotRegex(linked, "libLLVM|libMLIR|libdiptych-compiler")

    def test_jit_program_builds_and_runs(self):
        run(["cmake", "--build", self.outside, "--target", "jit"])
        self.assertEqual(run([self.outside / "jit"]).strip(), "9 | 3 12 | 6 0 0 12")

    def test_installed_tool_finds_its_libraries(self):
        tool = self.prefix / "bin" / "diptych"
        self.assertTrue(tool.exists(), "the diptych command was not installed")
        run([tool, "--help"])

    def test_model_compiles_in_somebodys_build(self):
        build = Path(self.folder.name) / "model"
        run(["cmake", "-G", "Ninja", "-S", HERE.parents[1] / "examples" / "sharpe_in_c", "-B", build,
             f"-DCMAKE_PREFIX_PATH={self.prefix}", f"-DCMAKE_CXX_COMPILER={self.compiler}"])
        run(["cmake", "--build", build])
        program = build / "example-sharpe_in_c"
        self.assertIn("step 100", run([program]))
        self.assertNotRegex(run(["ldd", program]), "libLLVM|libMLIR|libdiptych|stdc")

    def test_missing_component_is_named(self):
        project = Path(self.folder.name) / "missing"
        project.mkdir()
        (project / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.16)\nproject(Missing CXX)\n"
            "find_package(Diptych REQUIRED COMPONENTS quantum)\n")
        command = ["cmake", "-G", "Ninja", "-S", project, "-B", project / "build",
                   f"-DCMAKE_PREFIX_PATH={self.prefix}"]
        result = subprocess.run(command, capture_output=True, text=True)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("quantum", result.stderr)


if __name__ == "__main__":
    unittest.main()
