"""The arrows between the rooms: who may include whom, and who may see MLIR or CUDA."""
import re
import unittest

import tree

MLIR = re.compile(r"^(mlir|llvm|llvm-c|mlir-c)/")
CUDA = re.compile(r"^(cuda|cublas|nvJitLink|nvml|nvrtc|driver_types)")
FOREIGN = re.compile(f"{MLIR.pattern}|{CUDA.pattern}")
ROOMS = ("ir", "autodiff", "frontend", "passes", "codegen", "runtime", "aot", "tools")
# Arrows; a room may always include itself. frontend/Jit* and frontend/Trace* join the compiler to the DSL.
ALLOWED = {
    "ir": (),
    "autodiff": ("ir",),
    "frontend": ("autodiff", "ir", "runtime"),
    "passes": ("ir", "autodiff"),
    "codegen": ("ir", "runtime"),
    "runtime": ("ir",),
    "aot": ("ir", "passes", "codegen", "runtime", "frontend"),
}
# The files of ir/ that know MLIR, by name; everything else there does not.
DIALECT = re.compile(r"^ir/(Dialect|IrEmitter|IrValue|Folders|Verify)[A-Za-z]*\.")
JOINS_COMPILER = re.compile(r"^frontend/(Jit|Trace)[A-Za-z]*\.")


def name(path):
    return str(path.relative_to(tree.ROOT))


class Dependencies(unittest.TestCase):
    def fails(self, problems):
        self.assertFalse(problems, "\n" + "\n".join(problems))

    def room(self, room):
        problems = []
        for path in tree.sources(room + "/"):
            if JOINS_COMPILER.match(name(path)):
                continue
            for _, target in tree.includes(path):
                other = target.split("/")[0] if "/" in target else room
                if other in ROOMS and other != room and other not in ALLOWED[room]:
                    may = " and ".join(ALLOWED[room]) or "no other room"
                    problems.append(f"{name(path)} includes {target}: {room} may include {may}")
        self.fails(problems)

    def test_ir_includes_no_other_room(self):
        self.room("ir")

    def test_autodiff_includes_only_ir(self):
        self.room("autodiff")

    def test_frontend_includes_no_compiler_but_in_jit_and_trace(self):
        self.room("frontend")

    def test_passes_include_only_ir_and_autodiff(self):
        self.room("passes")

    def test_codegen_includes_only_ir_and_runtime(self):
        self.room("codegen")

    def test_runtime_includes_only_ir(self):
        self.room("runtime")

    def test_aot_includes_the_compiler_and_the_joints_of_the_frontend(self):
        self.room("aot")
        joints = re.compile(r"^frontend/(Jit|Trace|TensorImpl)")
        problems = [f"{name(path)} includes {target}" for path in tree.sources("aot/")
                    for _, target in tree.includes(path)
                    if target.startswith("frontend/") and not joints.match(target)]
        self.fails(problems)

    def test_nothing_of_the_compiler_reaches_the_frontend(self):
        frontend = re.compile(r"^frontend/")
        paths = tree.sources("passes/", "codegen/", "runtime/", "autodiff/", "ir/")
        self.fails([chain for chain in (tree.chainTo(path, frontend) for path in paths) if chain])

    def test_public_headers_reach_no_mlir_and_no_cuda(self):
        paths = tree.sources("include/")
        self.fails([chain for chain in (tree.chainTo(path, FOREIGN) for path in paths) if chain])

    def test_public_headers_include_only_public_and_standard_headers(self):
        problems = []
        for path in tree.sources("include/"):
            for _, target in tree.includes(path):
                if "/" in target and not target.startswith("diptych/"):
                    problems.append(f"{name(path)} includes {target}")
        self.fails(problems)

    def test_eager_side_reaches_no_mlir(self):
        paths = [path for path in tree.sources("ir/", "autodiff/", "runtime/", "frontend/")
                 if not DIALECT.match(name(path)) and not JOINS_COMPILER.match(name(path))]
        self.fails([chain for chain in (tree.chainTo(path, MLIR) for path in paths) if chain])

    def test_cuda_headers_stay_in_codegen_and_runtime(self):
        problems = []
        for path in tree.sources("ir/", "autodiff/", "frontend/", "passes/"):
            problems += [f"{name(path)} includes {target}" for _, target in tree.includes(path) if CUDA.search(target)]
        self.fails(problems)

    def test_examples_include_only_public_headers(self):
        problems = []
        for path in tree.sources("examples/"):
            for style, target in tree.includes(path):
                own = style == '"' and tree.resolve(path, target)
                if not target.startswith("diptych/") and not own and ("/" in target or style == '"'):
                    problems.append(f"{name(path)} includes {target}")
        self.fails(problems)


if __name__ == "__main__":
    unittest.main()
