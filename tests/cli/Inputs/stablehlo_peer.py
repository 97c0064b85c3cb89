"""stablehlo_peer.py STABLEHLO RESULTS.json INPUT...: parses and verifies the text with the StableHLO dialect of jaxlib,
compiles and runs it on the CPU with the inputs (flat numbers, JSON), and compares with the results of `diptych run --json`."""
import json
import sys

import jax
import numpy as np
from jax._src import compiler, xla_bridge
from jax._src.interpreters import mlir as jaxMlir
from jaxlib.mlir import ir

jax.config.update("jax_enable_x64", True)
TYPES = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64, "bool": np.bool_}


def parse(text):
    context = jaxMlir.make_ir_context()
    with context:
        module = ir.Module.parse(text)
        assert module.operation.verify()
    return context, module


def inputsOf(module, given):
    main = next(op for op in module.body.operations if op.name.value == "main")
    arrays = []
    for type_, flat in zip(main.type.inputs, given, strict=True):
        type_ = ir.RankedTensorType(type_)
        dtype = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64, "i1": np.bool_}[str(type_.element_type)]
        arrays.append(np.broadcast_to(np.array(flat, dtype).reshape(-1), (int(np.prod(type_.shape)),)).reshape(type_.shape)
                      if len(np.atleast_1d(flat)) == 1 else np.array(flat, dtype).reshape(type_.shape))
    return arrays


def run(module, arrays):
    backend = xla_bridge.get_backend("cpu")
    options = compiler.get_compile_options(num_replicas=1, num_partitions=1)
    devices = backend.local_devices()[:1]
    executable = backend.compile_and_load(str(module), devices, options)
    outputs = executable.execute_sharded([jax.device_put(np.ascontiguousarray(array), devices[0]) for array in arrays])
    return [np.asarray(shard[0]) for shard in outputs.disassemble_into_single_device_arrays()]


def main():
    with open(sys.argv[1]) as file:
        context, module = parse(file.read())
    with open(sys.argv[2]) as file:
        expected = json.load(file)["results"]
    with context:
        got = run(module, inputsOf(module, [json.loads(text) for text in sys.argv[3:]]))
    assert len(got) == len(expected), (len(got), len(expected))
    for i, (theirs, ours) in enumerate(zip(got, expected)):
        want = np.array([float(v) if isinstance(v, str) else v for v in ours["values"]]).reshape(ours["shape"])
        assert theirs.shape == want.shape, (i, theirs.shape, want.shape)
        tolerance = 1e-5 if theirs.dtype == np.float32 else 1e-12
        assert np.allclose(theirs, want, rtol=tolerance, atol=tolerance, equal_nan=True), (i, theirs, want)
    print(f"jaxlib {jax.__version__}: {len(got)} results agree")


main()
