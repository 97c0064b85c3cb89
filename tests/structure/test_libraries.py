"""What the built libraries and public headers may ask of a user: g++ 12, and no LLVM for the eager part."""
import concurrent.futures
import os
import re
import shutil
import subprocess
import unittest

import tree

LLVM = re.compile(r"lib(LLVM|MLIR)")


def library(name):
    for suffix in (".so", ".a"):
        path = tree.BUILD / "lib" / f"lib{name}{suffix}"
        if path.exists():
            return path
    return None


class Libraries(unittest.TestCase):
    def setUp(self):
        self.eager = library("diptych")
        self.assertTrue(self.eager, "libdiptych was not built")

    def test_libdiptych_links_no_llvm(self):
        if self.eager.suffix == ".a":
            self.skipTest("a static library links nothing")
        linked = subprocess.run(["ldd", self.eager], capture_output=True, text=True, check=True).stdout
        self.assertNotRegex(linked, LLVM)
        self.assertNotIn("libdiptych-compiler", linked)

    def test_libdiptych_names_no_llvm_symbol(self):
        symbols = subprocess.run(["nm", "-C", *(["-D"] if self.eager.suffix == ".so" else []), self.eager],
                                 capture_output=True, text=True, check=True).stdout
        named = [line for line in symbols.splitlines() if re.search(r"\b(llvm|mlir)::|\bLLVM[A-Z]\w+$", line)]
        self.assertFalse(named, "\n" + "\n".join(named[:20]))

    def test_libdiptych_has_an_eigen_of_its_own(self):
        symbols = subprocess.run(["nm", "-C", *(["-D"] if self.eager.suffix == ".so" else []), self.eager],
                                 capture_output=True, text=True, check=True).stdout
        shared = [line for line in symbols.splitlines() if re.search(r"\bEigen::", line)]
        self.assertFalse(shared, "\n" + "\n".join(shared[:20]))

    def test_shared_libraries_show_only_their_own_names(self):
        if self.eager.suffix == ".a":
            self.skipTest("a static library hides nothing")
        for name in ("diptych", "diptych-compiler"):
            path = library(name)
            self.assertTrue(path, f"lib{name} was not built")
            symbols = subprocess.run(["nm", "-D", "--defined-only", path], capture_output=True, text=True, check=True).stdout
            names = [line.split()[-1].split("@")[0] for line in symbols.splitlines()]
            self.assertGreater(len(names), 100)
            others = [symbol for symbol in names if not re.search(r"^_Z.*7diptych|^diptych_", symbol)]
            self.assertFalse(others, f"{path.name} shows\n" + "\n".join(others[:20]))

    def test_thread_local_words_fit_where_the_loader_has_room(self):
        """Their places are fixed (initial-exec): glibc keeps 1664 bytes for all such libraries that are opened late."""
        if self.eager.suffix == ".a":
            self.skipTest("a static library has its program's")
        headers = subprocess.run(["readelf", "-lW", self.eager], capture_output=True, text=True, check=True).stdout
        size = re.search(r"^\s+TLS(?:\s+0x\w+){4}\s+(0x\w+)", headers, re.M)
        self.assertTrue(size, headers)
        self.assertLessEqual(int(size[1], 16), 512)

    def test_shared_libraries_carry_their_version(self):
        if self.eager.suffix == ".a":
            self.skipTest("a static library has no name of its own")
        cache = (tree.BUILD / "CMakeCache.txt").read_text()
        major, minor, patch = re.search(r"^CMAKE_PROJECT_VERSION:\w+=(\d+)\.(\d+)\.(\d+)$", cache, re.M).groups()
        for name in ("diptych", "diptych-compiler"):
            dynamic = subprocess.run(["readelf", "-d", library(name)], capture_output=True, text=True, check=True).stdout
            self.assertIn(f"[lib{name}.so.{major}.{minor}]", dynamic)
            self.assertTrue((tree.BUILD / "lib" / f"lib{name}.so.{major}.{minor}.{patch}").exists())

    def test_public_headers_compile_alone_with_gcc(self):
        compiler = shutil.which("g++-12") or shutil.which("g++")
        if not compiler:
            self.skipTest("g++ is not installed")
        public = tree.ROOT / "include"
        headers = sorted(path.relative_to(public) for path in public.rglob("*.h"))
        self.assertTrue(headers, "there are no public headers")

        def compileAlone(header):
            command = [compiler, "-fsyntax-only", "-std=c++20", "-Wall", "-Wextra", "-Werror", f"-I{public}",
                       f"-I{tree.BUILD / 'include'}", "-x", "c++", "-"]
            result = subprocess.run(command, input=f"#include <{header}>\n", capture_output=True, text=True)
            return None if result.returncode == 0 else f"{header}:\n{result.stderr[:2000]}"

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            problems = [problem for problem in pool.map(compileAlone, headers) if problem]
        self.assertFalse(problems, "\n" + "\n".join(problems))


if __name__ == "__main__":
    unittest.main()
