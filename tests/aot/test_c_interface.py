"""Artefacts from outside: what they refer to, how they link, what C and C++ make of the header, under valgrind."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("DIPTYCH_BUILD", HERE.parents[1] / "build" / "release"))
MEMORY = {"memcpy", "memset", "memmove"}
MATH = {"log"}
FILES = {"open", "lseek", "mmap", "munmap", "close", "memcmp"}
THREADS = {"pthread_create", "pthread_join", "sched_yield", "pthread_mutex_lock", "pthread_mutex_unlock",
           "pthread_cond_wait", "pthread_cond_broadcast"}
C99 = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror"]
CPP = ["-x", "c++", "-std=c++17", "-Wall", "-Wextra", "-Werror"]


def run(command, check=True, **options):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if check and result.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}: status {result.returncode}\n"
                             f"{result.stdout[-4000:]}\n{result.stderr[-4000:]}")
    return result.stdout


def symbols(path, *options):
    """{name: type} as nm tells it."""
    found = {}
    for line in run(["nm", *options, path]).splitlines():
        parts = line.split()
        if len(parts) >= 2 and len(parts[-2]) == 1:
            found[parts[-1]] = parts[-2]
    return found


class Artefacts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.compiler = shutil.which("gcc") or shutil.which("cc")
        if not cls.compiler:
            raise unittest.SkipTest("there is no C compiler")
        cls.maker = BUILD / "bin" / "probe-maker"
        cls.folder = tempfile.TemporaryDirectory(prefix="diptych-aot-")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.made = {}

    def make(self, kind="object", targets="x86-64-v3", threads=1, name="probe", weights="embedded"):
        key = (kind, targets, threads, name, weights)
        if key not in self.made:
            folder = Path(self.folder.name) / f"made{len(self.made)}"
            folder.mkdir()
            run([self.maker, "--name", name, "--directory", folder, "--kind", kind, "--targets", targets,
                 "--threads", str(threads), "--arguments", "w,X,rows", "--weights", weights])
            self.made[key] = folder
        return self.made[key]

    def build(self, artefact, language=C99, link=(), threads=None, name="program"):
        """The probe linked with an artefact's folder; its path."""
        library = next(path for path in artefact.iterdir() if path.suffix in (".o", ".a", ".so"))
        program = artefact / name
        run([self.compiler, *language, f"-I{artefact}", *([f"-DTHREADS={threads}"] if threads else []),
             HERE / "probe" / "probe.c", "-x", "none", library, "-o", program, *link,
             "-lm"])
        return program

    def expected(self):
        if not hasattr(type(self), "reference"):
            type(self).reference = run([self.build(self.make())])
            self.assertRegex(self.reference, r"(?s)^loss [0-9a-f]{16}\nloss .*probe_model.cpp:\d+: gather: an index "
                                             r"is out of range for axis 0 of f64\[300,4\].*: 1\n.*workspace aligned")
            self.assertRegex(self.reference, r"\n.*probe_model.cpp:\d+: solve: expected a regular matrix, got f64\[3,3\] "
                                             r"with pivot 0; use pinv")
        return self.reference

    def test_undefined_symbols_are_of_libc_and_libm_only(self):
        common = MEMORY | MATH | {"_GLOBAL_OFFSET_TABLE_"}
        for options, more in (({}, set()), ({"threads": 4}, THREADS), ({"weights": "file"}, FILES)):
            undefined = {name for name, kind in symbols(self.make(**options) / "probe.o").items() if kind in "Uwv"}
            self.assertLessEqual(undefined, common | more)
            self.assertLessEqual(MATH, undefined)
            if more == THREADS:
                self.assertIn("pthread_create", undefined)
        self.assertIn("Programs link with libm", (self.make() / "probe.h").read_text())

    def test_every_exported_symbol_begins_with_the_name(self):
        for kind, file, options in (("object", "probe.o", ["-g"]), ("shared", "libprobe.so", ["-D", "-g"])):
            exported = {name for name, kind in symbols(self.make(kind) / file, *options, "--defined-only").items()
                        if kind.isupper() or kind == "i"}
            self.assertIn("probe_loss", exported)
            self.assertFalse([name for name in exported if not name.startswith("probe_")])

    def test_nothing_can_be_written(self):
        kinds = symbols(self.make() / "probe.o")
        self.assertFalse([name for name, kind in kinds.items() if kind in "bBcCsSgG"])
        sections = run(["readelf", "-SW", self.make() / "probe.o"])
        for line in sections.splitlines():
            found = re.search(r"\] (\.\S+)\s+PROGBITS.*\bWA\b", line)
            self.assertFalse(found and not found.group(1).startswith(".data.rel.ro"), line)

    def test_shared_library_needs_only_libc(self):
        needed = re.findall(r"NEEDED.*\[(.*)\]", run(["readelf", "-d", self.make("shared") / "libprobe.so"]))
        self.assertLessEqual(set(needed), {"libc.so.6", "libm.so.6"})

    def test_links_every_way_in_c_and_cpp(self):
        expected = self.expected()
        for kind in ("object", "archive"):
            for language in (C99, CPP):
                for link in (["-static"], ["-pie"], ["-no-pie"], ["-static-pie"]):
                    with self.subTest(kind=kind, language=language[1], link=link):
                        mode = ["-fno-pie"] if link == ["-no-pie"] else ["-fPIE"]
                        program = self.build(self.make(kind), [*language, *mode], link)
                        self.assertEqual(run([program]), expected)

    def test_links_as_a_shared_library(self):
        for language in (C99, CPP):
            artefact = self.make("shared")
            program = self.build(artefact, language, [f"-Wl,-rpath,{artefact}"])
            self.assertEqual(run([program]), self.expected())

    def test_links_with_lld(self):
        lld = shutil.which("ld.lld-22") or shutil.which("ld.lld")
        clang = shutil.which("clang-22") or shutil.which("clang")
        if not lld or not clang:
            self.skipTest("clang or lld is not installed")
        artefact = self.make()
        for link in ([], ["-static"]):
            program = artefact / "with-lld"
            run([clang, *C99, f"-I{artefact}", HERE / "probe" / "probe.c", artefact / "probe.o", "-o", program,
                 f"--ld-path={lld}", *link, "-lm"])
            self.assertEqual(run([program]), self.expected())

    def test_threads_give_the_same_bits(self):
        artefact = self.make(threads=4)
        for threads in (1, 2, 4, 9):
            for link in ([], ["-static"]):
                self.assertEqual(run([self.build(artefact, link=["-pthread", *link], threads=threads)]),
                                 self.expected())

    def pool(self, *options, compiler=None):
        artefact = self.make(threads=4)
        program = artefact / "pool"
        run([compiler or self.compiler, *C99, "-D_POSIX_C_SOURCE=200809L", *options, f"-I{artefact}",
             HERE / "probe" / "pool.c", artefact / "probe.o", "-o", program, "-pthread", "-lm"])
        return program

    def test_pool_serves_many_calls_and_callers(self):
        for link in ([], ["-static"], ["-no-pie", "-fno-pie"]):
            self.assertRegex(run([self.pool(*link)]), r"^4 the threads did not run: expected a count of at most those")

    def test_pool_is_smaller_where_threads_are_refused(self):
        for refused in (1, 2, 3):
            program = self.pool(f"-DREFUSE={refused}", "-Wl,--wrap=pthread_create")
            self.assertRegex(run([program]), r"^1 the threads" if refused == 1 else r"^[1-3] the threads")

    def test_pool_is_clean_under_tools(self):
        self.assertRegex(run([*self.valgrind(), self.pool()]), r"^4 ")
        clang = shutil.which("clang-22") or shutil.which("clang")
        if clang:
            self.assertRegex(run([self.pool("-fsanitize=thread", compiler=clang)]), r"^4 ")

    def test_weights_are_embedded_passed_or_in_a_file(self):
        source = Path(self.folder.name) / "weights.c"
        call = {"embedded": "probe_shifted(y, out, NULL)", "passed": "probe_shifted(y, shift, out, NULL)",
                "file": "probe_shifted(y, out, NULL, &weights)"}
        for weights, text in call.items():
            folder = self.make(weights=weights)
            opening = "diptych_weights weights; if (probe_open_weights(argv[1], &weights)) return 1;\n"
            closing = "probe_close_weights(&weights);\n"
            source.write_text('#include "probe.h"\n#include <stdio.h>\nint main(int argc, char **argv) {\n'
                              "double y[4] = {1, 2, 3, 4}, shift[4] = {0.5, 1.5, -2.5, 3.5}, out[4];\n"
                              f"(void)argc, (void)argv, (void)shift;\n{opening if weights == 'file' else ''}"
                              f"if ({text}) return 2;\n{closing if weights == 'file' else ''}"
                              'printf("%g %g %g %g", out[0], out[1], out[2], out[3]);\nreturn 0;\n}\n')
            program = folder / "weights"
            run([self.compiler, *C99, f"-I{folder}", source, folder / "probe.o", "-o", program, "-lm"])
            self.assertEqual(run([program, folder / "probe.safetensors"]), "1.5 3.5 0.5 7.5")
            self.assertEqual((folder / "probe.safetensors").exists(), weights == "file")

    def test_two_artefacts_live_in_one_program(self):
        first, second = self.make(), self.make(name="another")
        source = Path(self.folder.name) / "both.c"
        source.write_text('#include "probe.h"\n#include "another.h"\n#include <string.h>\n'
                          "int main(void) { return probe_check_cpu() + another_check_cpu() +\n"
                          "  !!strcmp(probe_model_hash, another_model_hash); }\n")
        run([self.compiler, *C99, f"-I{first}", f"-I{second}", source, first / "probe.o", second / "another.o",
             "-o", source.with_suffix(""), "-lm"])
        run([source.with_suffix("")])

    def test_about_is_json_of_the_interface(self):
        data = (self.make() / "probe.o").read_bytes()
        begin = data.index(b'{"diptych":')
        about = json.loads(data[begin:data.index(b"\0", begin)])
        self.assertEqual((about["name"], about["abi"], about["numerics"], about["threads"]),
                         ("probe", 1, "standard", 1))
        self.assertEqual(about["targets"], ["x86-64-v3"])
        loss = about["entries"][0]
        self.assertEqual(loss["inputs"], [{"name": "w", "dtype": "f64", "shape": [4]},
                                          {"name": "X", "dtype": "f64", "shape": [300, 4]},
                                          {"name": "rows", "dtype": "i32", "shape": [2]}])
        self.assertEqual(loss["symbol"], "probe_loss")

    def test_valgrind_finds_nothing(self):
        valgrind = self.valgrind()
        for threads in (None, 3):
            artefact = self.make(threads=4 if threads else 1)
            program = self.build(artefact, link=["-pthread"], threads=threads, name="checked")
            self.assertEqual(run([*valgrind, program]), self.expected())

#valgrind's CPU has no AVX-512, so it is a CPU that lacks what was assumed.
    def test_lesser_cpu_gets_an_error_code(self):
        program = self.build(self.make(targets="x86-64-v4"), name="v4")
        self.assertRegex(run([*self.valgrind(), program]), r"^3 this CPU lacks instructions.*x86-64-v4")

    def test_lesser_cpu_gets_its_own_version(self):
        program = self.build(self.make(targets="x86-64-v4,x86-64-v3"), name="both")
        self.assertEqual(run([*self.valgrind(), program]), self.expected())
        self.assertEqual(run([program]), self.expected())

    def valgrind(self):
        tool = shutil.which("valgrind")
        if not tool:
            self.skipTest("valgrind is not installed")
        return [tool, "-q", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=all"]

    def test_arm_object_is_for_arm(self):
        header = run(["readelf", "-h", self.make(targets="aarch64") / "probe.o"])
        self.assertIn("AArch64", header)
        kinds = symbols(self.make(targets="aarch64") / "probe.o")
        self.assertEqual(kinds["probe_loss"], "T")
        self.assertLessEqual({name for name, kind in kinds.items() if kind == "U"}, MEMORY)

    def test_maker_explains_what_is_wrong(self):
        for options, message in ((["--name", "a b"], "expected a C identifier"),
                                 (["--kind", "dll"], "expected object or archive or shared, got 'dll'"),
                                 (["--threads", "two"], "expected a number"), (["--colour", "red"], "unknown option"),
                                 (["--name"], "expected a value after --name")):
            result = subprocess.run([self.maker, *options], capture_output=True, text=True)
            self.assertEqual(result.returncode, 1)
            self.assertIn(message, result.stderr)


class Example(unittest.TestCase):
    def setUp(self):
        self.program = BUILD / "bin" / "example-sharpe_in_c"
        if not self.program.exists():
            self.skipTest("the examples were not built")

    def test_c_program_optimises_weights(self):
        lines = run([self.program]).splitlines()
        losses = [float(re.search(r"loss (\S+),", line).group(1)) for line in lines]
        self.assertEqual(len(losses), 5)
        self.assertLess(losses[-1], -5.0)
        self.assertTrue(all(b <= a for a, b in zip(losses, losses[1:])), losses)

    def test_artefact_of_w1_is_small(self):
        size = (BUILD / "examples" / "sharpe_in_c" / "sharpe-model" / "sharpe.o").stat().st_size
        self.assertLess(size, 100_000)


if __name__ == "__main__":
    unittest.main()
