"""Calls an artefact of Diptych from Python: one file, NumPy and ctypes, no Diptych (docs/aot.md).

    import diptych_loader
    sharpe = diptych_loader.load("out/libsharpe.so")
    loss, slope = sharpe.loss_grad(w, X, r)          # arrays in, new arrays out
    sharpe.loss_grad(w, X, r, out=(loss, slope))     # or into these
    print(sharpe.loss_grad)                          # loss_grad(w: f64[3], ...) -> (out0: f64[], ...)

Arguments are NumPy arrays, or whatever has __dlpack__ and lies in the CPU's memory; for a tensor without axes a number
will do. Dtypes and shapes must be those of the artefact: nothing is converted. NumPy has no bf16: such arrays are
ml_dtypes.bfloat16 where that package is installed, else the bits as uint16. Arrays that are not contiguous are copied.
Sizes that a C caller would choose are taken from the arrays. What is returned are NumPy arrays, which have __dlpack__
themselves. Calls may run on several threads at once.
"""
import ctypes
import json
import re
import threading
from pathlib import Path

import numpy as np

__all__ = ["Artefact", "Error", "Function", "load"]
INTERFACE = 1  # of the artefacts that this file knows
try:
    from ml_dtypes import bfloat16
except ImportError:
    bfloat16 = None
DTYPES = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64, "bool": np.bool_, "boolean": np.bool_,
          "f16": np.float16, "bf16": bfloat16 or np.uint16}


class Error(RuntimeError):
    """What the artefact said; `code` is its number."""

    def __init__(self, message, code=None):
        super().__init__(message)
        self.code = code


class Weights(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("bytes", ctypes.c_size_t)]


class Threads(ctypes.Structure):
    _fields_ = [("count", ctypes.c_int), ("run", ctypes.c_void_p), ("pool", ctypes.c_void_p)]


def extent(size, sizes):
    """A size of a shape: a number, or a sum of products such as "2*days*stocks - 1"."""
    if isinstance(size, int):
        return size
    total = 0
    for sign, term in re.findall(r"([-+]?) ?([\w*]+)", size):
        product = -1 if sign == "-" else 1
        for factor in term.split("*"):
            product *= int(factor) if factor.isdigit() else sizes[factor]
        total += product
    return total


def addressOf(array):
    """What array.ctypes.data says, which takes three times as long; read-only and empty arrays have no other way."""
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(array))
    except (TypeError, ValueError, BufferError):
        return array.ctypes.data


class Tensor:
    """What the artefact says of an input or output."""

    def __init__(self, about):
        self.name, self.shape = about["name"], tuple(about["shape"])
        if about["dtype"] not in DTYPES:
            raise Error(f"{self.name}: unknown dtype {about['dtype']}; use the loader of the artefact's version")
        self.dtype, self.dtypeName = np.dtype(DTYPES[about["dtype"]]), about["dtype"]

    def __str__(self):
        return f"{self.name}: {self.dtypeName}[{','.join(map(str, self.shape))}]"

    def isOf(self, array):
        """Whether it is a contiguous array of this type: what callers pass nearly always, so it is found out first."""
        return type(array) is np.ndarray and array.dtype == self.dtype and array.flags.c_contiguous

    def accept(self, given, where):
        """The argument as a contiguous array of this type."""
        if not isinstance(given, np.ndarray):
            if hasattr(given, "__dlpack__") and not isinstance(given, np.generic):
                given = np.from_dlpack(given)
            elif isinstance(given, (bool, int, float, np.generic)) and self.shape == ():
                array = np.asarray(given)
                if self.dtypeName == "bf16" and (bfloat16 is None or array.dtype.kind not in "fiub"):
                    raise TypeError(f"{where}: expected {self} as an array of its bits, got {given}; install ml_dtypes")
                if self.dtypeName != "bf16" and not np.can_cast(array.dtype, self.dtype, "same_kind"):
                    raise TypeError(f"{where}: expected {self}, got {array.dtype} {given}")
                given = array.astype(self.dtype)
            else:
                raise TypeError(f"{where}: expected {self} as an array, got {type(given).__name__}")
        self.checkDtype(given, where)
        return np.ascontiguousarray(given).reshape(given.shape)

    def checkDtype(self, array, where):
        if array.dtype != self.dtype:
            raise TypeError(f"{where}: expected {self}, got an array of {array.dtype}; convert it with astype")

    def checkShape(self, array, sizes, where):
        shape = tuple(extent(size, sizes) for size in self.shape)
        if array.shape != shape:
            chosen = "".join(f", where {name} is {size}" for name, size in sizes.items() if name in str(self))
            raise ValueError(f"{where}: expected {self}{chosen}, got an array of shape {array.shape}")

    def sizesIn(self, array, names, sizes):
        """Fills in the sizes that the array shows first."""
        for size, found in zip(self.shape, array.shape):
            if size in names:
                sizes.setdefault(size, found)


class Function:
    """One C function of an artefact."""

    def __init__(self, artefact, about):
        self.name, self.artefact = about["name"], artefact
        self.inputs = [Tensor(part) for part in about["inputs"]]
        self.outputs = [Tensor(part) for part in about["outputs"]]
        self.workspaceBytes, self.alignment = about["workspace_bytes"], about["workspace_alignment"]
        self.dims = [dim["name"] for dim in about.get("dims", ())]
        self.symbol = getattr(artefact.library, about["symbol"])
        self.symbol.restype = ctypes.c_int
        if self.workspaceBytes is None:
            self.workspaceOf = getattr(artefact.library, about["symbol"] + "_workspace_bytes")
            self.workspaceOf.restype = ctypes.c_size_t
        behind = 1 + (artefact.weights is not None) + (artefact.threads > 1)  # the workspace is there in any case
        self.symbol.argtypes = ([ctypes.c_int64] * len(self.dims) +
                                [ctypes.c_void_p] * (len(self.inputs) + len(self.outputs) + behind))
        self.memory = threading.local()

    def __repr__(self):
        return f"{self.name}({', '.join(map(str, self.inputs))}) -> ({', '.join(map(str, self.outputs))})"

    def workspace(self, sizes):
        """Aligned memory of this thread's own; kept for the next call."""
        needed = self.workspaceOf(*sizes) if self.workspaceBytes is None else self.workspaceBytes
        if getattr(self.memory, "size", -1) < needed:
            self.memory.size = needed
            self.memory.bytes = np.empty(needed + self.alignment, np.uint8)
            address = addressOf(self.memory.bytes)
            self.memory.address = address + -address % self.alignment
        return self.memory.address

    def __call__(self, *arguments, out=None, threads=1):
        """A new array, or a tuple of several; with `out`, an array or as many as there are outputs, these."""
        if len(arguments) != len(self.inputs):
            raise TypeError(f"{self.name}: expected {len(self.inputs)} arguments, got {len(arguments)}: {self!r}")
        arrays = [given if tensor.isOf(given) else tensor.accept(given, f"{self.name}, argument {i}")
                  for i, (tensor, given) in enumerate(zip(self.inputs, arguments))]
        sizes = self.sizesOf(arrays)
        results = self.results(out, arrays, sizes)
        chosen = [sizes[name] for name in self.dims]
        parameters = chosen + [addressOf(array) for array in arrays] + [addressOf(array) for array in results]
        parameters.append(self.workspace(chosen))
        if self.artefact.weights is not None:
            parameters.append(ctypes.byref(self.artefact.weights))
        if self.artefact.threads > 1:
            parameters.append(ctypes.byref(Threads(threads, None, None)))
        elif threads != 1:
            raise ValueError(f"{self.name}: the artefact was made for one thread, got threads={threads}")
        code = self.symbol(*parameters)
        if code:
            self.artefact.check(code, self.name)
        return results[0] if len(results) == 1 else tuple(results)

    def sizesOf(self, arrays):
        """The sizes that are chosen at the call; the arrays' shapes are as they should be then."""
        sizes = {}
        if self.dims:
            for tensor, array in zip(self.inputs, arrays):
                tensor.sizesIn(array, self.dims, sizes)
        for i, (tensor, array) in enumerate(zip(self.inputs, arrays)):
            if array.shape != tensor.shape:
                tensor.checkShape(array, sizes, f"{self.name}, argument {i}")
        return sizes

    def results(self, out, arrays, sizes):
        if out is None:  # sizes out of bounds, which the call refuses, might give negative ones
            return [np.empty([max(0, extent(size, sizes)) for size in tensor.shape] if self.dims else tensor.shape,
                             tensor.dtype) for tensor in self.outputs]
        results = list(out) if isinstance(out, (tuple, list)) else [out]
        if len(results) != len(self.outputs):
            raise TypeError(f"{self.name}: expected {len(self.outputs)} arrays in out, got {len(results)}")
        for i, (tensor, array) in enumerate(zip(self.outputs, results)):
            where = f"{self.name}, out {i}"
            if not isinstance(array, np.ndarray):
                raise TypeError(f"{where}: expected {tensor} as a NumPy array, got {type(array).__name__}")
            if array.dtype != tensor.dtype:
                tensor.checkDtype(array, where)
            if array.shape != tensor.shape:
                tensor.checkShape(array, sizes, where)
            if not array.flags.carray:
                raise ValueError(f"{where}: expected a contiguous array that may be written")
            if any(np.may_share_memory(array, other) for other in arrays + results[:i]):
                raise ValueError(f"{where}: it shares memory with another argument")
        return results


class Artefact:
    """A shared library that diptych::aot::compile or `diptych compile` made; its functions are attributes."""

    def __init__(self, path, name=None, weights=None):
        path = Path(path).resolve()
        if name is None:
            found = re.fullmatch(r"lib([A-Za-z_]\w*)\.so", path.name)
            if not found:
                raise ValueError(f"{path.name}: expected a file libNAME.so, or name=")
            name = found[1]
        if not path.is_file():
            raise FileNotFoundError(f"{path}: there is no such artefact")
        try:
            self.library = ctypes.CDLL(str(path))
            text = ctypes.string_at(ctypes.addressof(ctypes.c_char.in_dll(self.library, f"{name}_about")))
        except (OSError, ValueError) as error:
            raise Error(f"{path}: no artefact named {name}: {error}") from None
        self.about = json.loads(text)
        if self.about.get("abi") != INTERFACE:
            raise Error(f"{path}: its interface is {self.about.get('abi')}, this loader knows {INTERFACE}; use the "
                        "diptych_loader.py of the Diptych that made it")
        self.name, self.threads = name, self.about["threads"]
        self.message = getattr(self.library, f"{name}_error_message")
        self.message.restype = ctypes.c_char_p
        self.weights = self.openWeights(path, weights)
        self.check(getattr(self.library, f"{name}_check_cpu")(), "loading")
        self.functions = {entry["name"]: Function(self, entry) for entry in self.about["entries"]}

    def openWeights(self, path, weights):
        """Mapped for as long as the process lives; None where they are in the artefact or passed."""
        if self.about["weights"] != "file":
            if weights is not None:
                raise ValueError(f"{path}: its weights are in no file of their own")
            return None
        mapped = Weights()
        file = Path(weights) if weights is not None else path.with_name(f"{self.name}.safetensors")
        opener = getattr(self.library, f"{self.name}_open_weights")
        self.check(opener(str(file).encode(), ctypes.byref(mapped)), str(file))
        return mapped

    def check(self, code, where):
        if code:
            raise Error(f"{where}: {self.message(code).decode(errors='replace')}", code)

    def __getattr__(self, name):
        functions = self.__dict__.get("functions", {})
        if name in functions:
            return functions[name]
        raise AttributeError(f"the artefact has no function {name}; it has {', '.join(functions)}")

    def __dir__(self):
        return [*super().__dir__(), *self.functions]


def load(path, name=None, weights=None):
    """The artefact in the file libNAME.so; `weights` where they are in another file than NAME.safetensors beside it."""
    return Artefact(path, name, weights)
