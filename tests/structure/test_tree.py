"""House rules a machine can check: sizes, formatting, generated pages, no trace of somebody's machine."""
import re
import shutil
import subprocess
import unittest

import tree

CODE = {".h", ".cpp", ".td", ".py", ".cmake", ".mlir", ".cu", ".in"}
LIMIT = 700
# Split, so that this file passes its own test.
MACHINE_PATH = re.compile("(?<![A-Za-z0-9_.])/(" + "work|home|ro" + "ot|Users)/[A-Za-z0-9_.]")


class Tree(unittest.TestCase):
    def test_no_code_file_is_longer_than_the_limit(self):
        long = []
        for path in tree.files():
            if path.suffix in CODE or path.name in ("CMakeLists.txt", "dev"):
                lines = path.read_text(errors="replace").count("\n")
                if lines > LIMIT:
                    long.append(f"{path.relative_to(tree.ROOT)}: {lines} lines, at most {LIMIT}")
        self.assertFalse(long, "\n" + "\n".join(long))

    def test_no_file_names_a_path_of_one_machine(self):
        found = []
        for path in tree.files():
            try:
                text = path.read_text()
            except UnicodeDecodeError:
                continue
            for number, line in enumerate(text.splitlines(), 1):
                if MACHINE_PATH.search(line):
                    found.append(f"{path.relative_to(tree.ROOT)}:{number}: {line.strip()[:120]}")
        self.assertFalse(found, "\n" + "\n".join(found))

    def test_every_code_file_opens_by_saying_what_it_owns(self):
        silent = []
        rooms = ("include/", "ir/", "autodiff/", "frontend/", "passes/", "codegen/", "runtime/", "aot/", "tools/")
        for path in tree.sources(*rooms):
            if not path.read_text(errors="replace").startswith(("//", "/*")):
                silent.append(str(path.relative_to(tree.ROOT)))
        self.assertFalse(silent, "these open without a comment:\n" + "\n".join(silent))

    def test_code_is_formatted(self):
        tool = shutil.which("clang-format-22")
        if not tool:
            self.skipTest("clang-format-22 is not installed")
        paths = [str(path) for path in tree.files() if path.suffix in (".h", ".cpp")]
        wrong = []
        for start in range(0, len(paths), 50):
            batch = paths[start:start + 50]
            if subprocess.run([tool, "--dry-run", "-Werror", *batch], capture_output=True).returncode:
                wrong += [path for path in batch
                          if subprocess.run([tool, "--dry-run", "-Werror", path], capture_output=True).returncode]
        self.assertFalse(wrong, "run ./dev format:\n" + "\n".join(wrong))

    def test_operator_page_is_current(self):
        generated = tree.BUILD / "docs" / "operators.md"
        self.assertTrue(generated.exists(), "the operator page was not generated")
        page = tree.ROOT / "docs" / "operators.md"
        self.assertTrue(page.exists() and page.read_text() == generated.read_text(),
                        "docs/operators.md is not what the table says: run ./dev docs")


if __name__ == "__main__":
    unittest.main()
