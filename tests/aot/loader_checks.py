"""loader_checks.py LOADER FOLDER RESULTS.json: calls artefacts by the Python loader and compares with `diptych run
--interpret`, bit for bit. Runs under the Python that has NumPy; test_python_loader.py makes the artefacts."""
import importlib.util
import json
import sys
import threading

import numpy as np

spec = importlib.util.spec_from_file_location("diptych_loader", sys.argv[1])
loader = importlib.util.module_from_spec(spec)
spec.loader.exec_module(loader)
folder = sys.argv[2]
with open(sys.argv[3]) as file:
    expected = json.load(file)
DTYPES = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64, "bool": np.bool_, "boolean": np.bool_,
          "f16": np.float16}


def brain(numbers):
    """Numbers of bf16, exactly, as the loader wants them: of ml_dtypes, or the bits."""
    bits = (np.asarray(numbers, np.float32).view(np.uint32) >> 16).astype(np.uint16)
    return bits.view(loader.DTYPES["bf16"])


def arrays(results):
    numbers = [[float(v) if isinstance(v, str) else v for v in part["values"]] for part in results]
    return [(brain(values) if part["dtype"] == "bf16" else np.array(values, DTYPES[part["dtype"]])).reshape(part["shape"])
            for values, part in zip(numbers, results)]


def same(got, wanted, what):
    got = got if isinstance(got, tuple) else (got,)
    assert len(got) == len(wanted), what
    for ours, theirs in zip(got, wanted):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape and ours.tobytes() == theirs.tobytes(), \
            (what, ours, theirs)


def fails(kind, text, call):
    try:
        call()
    except kind as error:
        assert text in str(error), error
        return error
    raise AssertionError(f"no {kind.__name__} with {text!r}")


class OnlyDlpack:
    """An array of somebody else's."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


w, x, i = np.array([0.5, -1.25, 2.0]), np.arange(12.0).reshape(4, 3) / 7 - 0.5, np.array([2, 0])
model = loader.load(f"{folder}/libmodel.so")
value, slope, rows = arrays(expected["main"])
same(model.main(w, x, i), [value, slope, rows], "main")
same(model.main(w, np.asfortranarray(x), i), [value, slope, rows], "a transposed array")
same(model.main(OnlyDlpack(w), OnlyDlpack(x), OnlyDlpack(i)), [value, slope, rows], "DLPack")
same((np.from_dlpack(model.main(w, x, i)[1]),), [slope], "a result through DLPack")
same(model.other(np.float32(1.5), True), arrays(expected["other"]), "numbers, f32 and bool")
halves = np.array([0.5, -1.25, 20], np.float16), brain([0.5, 3.140625, -2.0**100])
assert str(model.halves).startswith("halves(in0: f16[3], in1: bf16[3])")
fails(TypeError, "expected in0: f16[3], got an array of float32", lambda: model.halves(halves[0].astype("f4"), halves[1]))
same(model.halves(*halves), arrays(expected["halves"]), "f16 and bf16")
out = np.empty((), np.float64), np.empty(3), np.empty((2, 3))
assert model.main(w, x, i, out=out)[1] is out[1]
same(out, [value, slope, rows], "out=")
assert str(model.main) == "main(in0: f64[3], in1: f64[4,3], in2: i64[2]) -> (out0: f64[], out1: f64[3], out2: f64[2,3])"
assert {"main", "other"} <= set(dir(model))

fails(TypeError, "expected 3 arguments, got 1", lambda: model.main(w))
fails(TypeError, "main, argument 0: expected in0: f64[3], got an array of float32", lambda: model.main(w.astype("f4"), x, i))
fails(ValueError, "main, argument 1: expected in1: f64[4,3], got an array of shape (3, 4)", lambda: model.main(w, x.T, i))
fails(TypeError, "as an array, got list", lambda: model.main([1.0, 2.0, 3.0], x, i))
fails(ValueError, "shares memory", lambda: model.main(w, x, i, out=(out[0], w, out[2])))
fails(ValueError, "may be written", lambda: model.main(w, x, i, out=(out[0], np.empty(6)[::2], out[2])))
fails(ValueError, "made for one thread", lambda: model.main(w, x, i, threads=2))
fails(AttributeError, "it has", lambda: model.nothing)
failure = fails(loader.Error, "gather", lambda: model.main(w, x, np.array([4, 0])))
assert failure.code >= 16
same(model.main(w, x, i), [value, slope, rows], "after a failure")
fails(FileNotFoundError, "no such artefact", lambda: loader.load(f"{folder}/libnothing.so"))
fails(loader.Error, "no artefact named wrong", lambda: loader.load(f"{folder}/libmodel.so", name="wrong"))
with open(f"{folder}/libgarbage.so", "wb") as file:
    file.write(b"\x7fELF" + bytes(100))
fails(loader.Error, "no artefact named garbage", lambda: loader.load(f"{folder}/libgarbage.so"))

threaded = loader.load(f"{folder}/libthreaded.so")
for count in (1, 2, 3):
    same(threaded.main(w, x, i, threads=count), [value, slope, rows], f"{count} threads")
wrong = []


def work():
    for _ in range(50):
        try:
            same(model.main(w, x, i), [value, slope, rows], "at the same time")
        except AssertionError as error:
            wrong.append(error)


workers = [threading.Thread(target=work) for _ in range(4)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
assert not wrong, wrong[0]

saved = arrays(expected["saved"])
same(loader.load(f"{folder}/libembedded.so").main(np.array([0.1, 0.2, -0.3])), saved, "weights inside")
same(loader.load(f"{folder}/libbeside.so").main(np.array([0.1, 0.2, -0.3])), saved, "weights in a file")
same(loader.load(f"{folder}/libbeside.so", weights=f"{folder}/moved.safetensors").main(np.array([0.1, 0.2, -0.3])), saved, "moved")
fails(loader.Error, "nowhere", lambda: loader.load(f"{folder}/libbeside.so", weights=f"{folder}/nowhere"))
# Numbers whose sums are exact, whatever their order.
sized = loader.load(f"{folder}/libsized.so")
for days in (1, 2, 37, 4096):
    m, v = np.arange(3.0 * days).reshape(days, 3), np.full(days, 3.0)
    got = sized.open(m, v)
    same(got, [m.sum(0) + 3.0, np.concatenate([v, v * 2.0])], f"{days} days")
    same(sized.open(m, v, out=got), [m.sum(0) + 3.0, np.concatenate([v, v * 2.0])], f"{days} days, out=")
assert str(sized.open) == "open(m: f64[days,3], v: f64[days]) -> (out0: f64[3], out1: f64[2*days])"
fails(ValueError, "argument 1: expected v: f64[days], where days is 4, got an array of shape (5,)", lambda: sized.open(np.ones((4, 3)), np.ones(5)))
fails(ValueError, "argument 0: expected m: f64[days,3]", lambda: sized.open(np.ones((4, 2)), np.ones(4)))
assert fails(loader.Error, "1 <= days <= 5000", lambda: sized.open(np.ones((0, 3)), np.ones(0))).code == 7
for batch in (0, 1, 300):
    m, v = np.arange(batch * 6.0).reshape(batch, 2, 3), np.full(2, 3.0)
    same(sized.each(m, v), [m.sum(1) + 3.0, np.tile([3.0, 3.0, 6.0, 6.0], (batch, 1))], f"{batch} examples")
print("NumPy", np.__version__, "agrees")
