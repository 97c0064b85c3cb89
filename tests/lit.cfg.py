# Textual tests: dialect, passes, code generation and the command line, each by its own tool and FileCheck.
import os
import shutil
import subprocess
import sys

import lit.formats

config.name = "diptych"
config.test_format = lit.formats.ShTest(True)
config.suffixes = [".mlir", ".test"]
config.excludes = ["unit", "ops", "errors", "structure", "install", "fuzz", "Inputs", "readers"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = config.diptych_test_build

for folder in (config.llvm_tools, config.diptych_tools):
    config.environment["PATH"] = os.pathsep.join((folder, config.environment["PATH"]))
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "HOME"):
    if name in os.environ:
        config.environment[name] = os.environ[name]
config.environment["DIPTYCH_CACHE"] = "off"
# Tools that only some tests need; lit counts a test without its tool as unsupported.
for tool in ("zsh", "fish", "groff", "diptych-steps", "diptych-hessians"):
    if shutil.which(tool, path=config.environment["PATH"]):
        config.available_features.add(tool)
# The Python that Debian's packages install for, whatever stands before it on PATH.
python = os.environ.get("DIPTYCH_PYTHON") or ("/usr/bin/python3" if os.path.exists("/usr/bin/python3") else "python3")
for feature, modules in (("jaxlib", "jax, jaxlib.mlir"), ("numpy", "numpy")):
    if subprocess.run([python, "-c", f"import {modules}"], capture_output=True).returncode == 0:
        config.available_features.add(feature)
config.substitutions.append(("%peer_python", python))
config.substitutions.append(("%diptych_source", config.diptych_source))
config.substitutions.append(("%python", sys.executable))

# Tests that assemble PTX are unsupported, and counted as skipped, where the CUDA toolkit is not.
path = os.pathsep.join((config.environment["PATH"], config.ptxas_folder))
ptxas = shutil.which("ptxas", path=path)
if ptxas:
    config.available_features.add("ptxas")
    config.environment["PATH"] = os.pathsep.join((config.environment["PATH"], os.path.dirname(ptxas)))
