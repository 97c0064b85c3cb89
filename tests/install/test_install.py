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

    def test_pkg_config_builds_both_programs(self):
        if not shutil.which("pkg-config"):
            self.skipTest("pkg-config is not installed")
        self.buildByPkgConfig(self.prefix)

    def buildByPkgConfig(self, prefix):
        """From the prefix as it is, wherever it lies."""
        found = list(prefix.rglob("diptych.pc"))
        self.assertEqual(len(found), 1, f"diptych.pc: {found}")
        libraries = found[0].parents[1]
        environment = dict(os.environ, PKG_CONFIG_PATH=str(found[0].parent), PKG_CONFIG_ALLOW_SYSTEM_LIBS="1")
        for source, package, expected in (("eager", "diptych", "9 3 12"),
                                          ("jit", "diptych-compiler", "9 | 3 12 | 6 0 0 12")):
            flags = run(["pkg-config", "--cflags", "--libs", package], env=environment).split()
            program = Path(self.folder.name) / f"{prefix.name}-{source}"
            run([self.compiler, "-std=c++20", HERE / f"{source}.cpp", *flags, f"-Wl,-rpath,{libraries}",
                 f"-Wl,-rpath-link,{libraries}", "-o", program])
            self.assertEqual(run([program]).strip(), expected)
        version = run([prefix / "bin" / "diptych", "--version"]).split()[1]
        self.assertEqual(run(["pkg-config", "--modversion", "diptych-compiler"], env=environment).strip(), version)

    def test_debian_package_has_what_it_needs_and_works(self):
        missing = [tool for tool in ("cpack", "dpkg-deb", "dpkg-shlibdeps", "pkg-config") if not shutil.which(tool)]
        if missing:
            self.skipTest(f"{', '.join(missing)} is not installed")
        made = Path(self.folder.name) / "package"
        run(["cpack", "--config", BUILD / "CPackConfig.cmake", "-G", "DEB", "-B", made])
        packages = list(made.glob("*.deb"))
        self.assertEqual(len(packages), 1, f"packages: {packages}")
        fields = dict(line.split(": ", 1) for line in run(["dpkg-deb", "-f", packages[0]]).splitlines() if ": " in line)
        self.assertEqual(fields["Package"], "diptych")
        self.assertRegex(fields["Version"], r"^\d+\.\d+\.\d+")
        for needed in ("libc6", "libstdc++6", "zlib1g", "llvm22"):
            self.assertIn(needed, fields["Depends"].lower())
        self.assertNotIn("libdiptych", fields["Depends"])
        root = Path(self.folder.name) / "root"
        run(["dpkg", "-x", packages[0], root])
        for path in ("bin/diptych", "include/diptych/diptych.h", "include/diptych/Ops.h.inc", "share/man/man1/diptych.1",
                     "share/bash-completion/completions/diptych", "share/zsh/site-functions/_diptych",
                     "share/fish/vendor_completions.d/diptych.fish", "share/doc/diptych/copyright"):
            self.assertTrue((root / "usr" / path).is_file(), f"{path} is not in the package")
        self.assertEqual([path.name for path in root.iterdir()], ["usr"])
        self.assertIn("jit gives eager's bits", run([root / "usr" / "bin" / "diptych", "doctor"]))
        self.buildByPkgConfig(root / "usr")

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
