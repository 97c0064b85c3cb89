"""check_stablehlo.py FILE: parses StableHLO text by the grammar of the operations that Diptych writes, one a line, and
infers every result's type from its operands by the operation's rules in the StableHLO specification. Knows nothing of
what the numbers are; stablehlo_peer.py asks a StableHLO compiler."""
import re
import sys

TYPE = r"tensor<(?:\d+x)*(?:f32|f64|i1|i32|i64)>"
VALUE = r"%\w+"
LIST = r"\[(?:-?\d+(?:, -?\d+)*)?\]"
UNARY_FLOAT = {"exponential", "exponential_minus_one", "log", "log_plus_one", "sqrt", "rsqrt", "cbrt", "tanh", "logistic",
               "sine", "cosine", "tan", "floor", "ceil", "round_nearest_even"}
UNARY = UNARY_FLOAT | {"negate", "abs", "sign", "not", "optimization_barrier"}
BINARY = {"add", "subtract", "multiply", "divide", "power", "remainder", "maximum", "minimum", "atan2", "and", "or", "xor"}
FOLDS = {"add", "multiply", "maximum", "minimum"}


def parseType(text):
    *shape, element = text[len("tensor<"):-1].split("x")
    return tuple(map(int, shape)), element


def numbers(text):
    return [int(part) for part in text.strip("[]").split(", ") if part]


def need(holds, what):
    if not holds:
        raise AssertionError(what)


def match(pattern, text):
    """Spaces are literal; <T>, <V> and <L> stand for a type, a value and a list; all are groups."""
    for short, long in (("<T>", f"({TYPE})"), ("<V>", f"({VALUE})"), ("<L>", f"({LIST})")):
        pattern = pattern.replace(short, long)
    found = re.fullmatch(pattern, text)
    need(found, f"not as the grammar has it: {text}")
    return found.groups()


class Module:
    def __init__(self):
        self.types, self.used = {}, set()

    def use(self, name, type_):
        need(name in self.types, f"{name} is used before it is defined")
        need(self.types[name] == type_, f"{name} is {self.types[name]}, used as {type_}")
        self.used.add(name)
        return parseType(type_)

    def uses(self, names, types):
        names, types = names.split(", "), types.split(", ")
        need(len(names) == len(types), "as many operands as types")
        return [self.use(name, type_) for name, type_ in zip(names, types)]

    def operation(self, text):
        """The result's type as (shape, element), and as it is written."""
        name = re.match(r'"?stablehlo\.(\w+)', text)
        need(name, f"no operation of stablehlo: {text}")
        name = name[1]
        if name in UNARY:
            x, written = match(rf"stablehlo\.{name} <V> : <T>", text)
            shape, element = self.use(x, written)
            need(name not in UNARY_FLOAT or element[0] == "f", f"{name} of {element}")
            need(name != "not" or element == "i1", "not of a number")
        elif name in BINARY:
            x, y, written = match(rf"stablehlo\.{name} <V>, <V> : <T>", text)
            shape, element = self.use(x, written)
            self.use(y, written)
            need((name in ("and", "or", "xor")) == (element == "i1"), f"{name} of {element}")
        else:
            shape, element, written = getattr(self, "parse_" + name)(text)
        need(parseType(written) == (tuple(shape), element), f"inferred {shape} of {element}, written {written}")
        return written

    def parse_constant(self, text):
        value, written = match(r"stablehlo\.constant dense<(.*)> : <T>", text)
        shape, element = parseType(written)
        count = len(re.findall(r'[^\[\], ]+', value)) if not value.startswith('"') else None
        total = 1
        for extent in shape:
            total *= extent
        width = {"f32": 4, "f64": 8, "i32": 4, "i64": 8}.get(element)
        if value.startswith('"0x'):
            need(width is None or len(value) - 4 == 2 * width * total, "bytes of a constant")
        elif value == "":
            need(total == 0, "an empty constant")
        else:
            need(count in (1, total) and (count == 1) == ("[" not in value) or count == total, f"elements of {value}")
            number = r"true|false" if element == "i1" else r"0x[0-9A-F]+|-?\d+(\.\d+(E[+-]?\d+)?)?" if element[0] == "f" else r"-?\d+"
            need(all(re.fullmatch(number, part, re.I) for part in re.findall(r'[^\[\], ]+', value)), f"elements of {value}")
        return shape, element, written

    def parse_iota(self, text):
        axis, written = match(r"stablehlo\.iota dim = (\d+) : <T>", text)
        shape, element = parseType(written)
        need(int(axis) < len(shape) and element != "i1", "iota's dimension")
        return shape, element, written

    def parse_compare(self, text):
        _, x, y, kind, a, b, written = match(
            r"stablehlo\.compare (EQ|NE|LT|LE|GT|GE), <V>, <V>, (FLOAT|SIGNED|UNSIGNED) : \(<T>, <T>\) -> <T>", text)
        shape, element = self.use(x, a)
        need(self.use(y, b) == (shape, element), "compare's operands differ")
        need(kind == {"f": "FLOAT", "i": "UNSIGNED" if element == "i1" else "SIGNED"}[element[0]], "compare's kind")
        return shape, "i1", written

    def parse_select(self, text):
        p, x, y, predicate, written = match(r"stablehlo\.select <V>, <V>, <V> : <T>, <T>", text)
        shape, element = self.use(x, written)
        self.use(y, written)
        need(self.use(p, predicate) == (shape, "i1"), "select's predicate")
        return shape, element, written

    def parse_convert(self, text):
        x, a, written = match(r"stablehlo\.convert <V> : \(<T>\) -> <T>", text)
        return self.use(x, a)[0], parseType(written)[1], written

    def parse_reshape(self, text):
        x, a, written = match(r"stablehlo\.reshape <V> : \(<T>\) -> <T>", text)
        shape, element = self.use(x, a)
        target, count, other = parseType(written)[0], 1, 1
        for extent in shape:
            count *= extent
        for extent in target:
            other *= extent
        need(count == other, "reshape changes the number of elements")
        return target, element, written

    def parse_broadcast_in_dim(self, text):
        x, dims, a, written = match(r"stablehlo\.broadcast_in_dim <V>, dims = <L> : \(<T>\) -> <T>", text)
        shape, element = self.use(x, a)
        target, dims = parseType(written)[0], numbers(dims)
        need(len(dims) == len(shape) == len(set(dims)), "broadcast's dims")
        need(all(shape[i] in (1, target[d]) for i, d in enumerate(dims)), "broadcast's extents")
        return target, element, written

    def parse_transpose(self, text):
        x, dims, a, written = match(r"stablehlo\.transpose <V>, dims = <L> : \(<T>\) -> <T>", text)
        shape, element = self.use(x, a)
        need(sorted(numbers(dims)) == list(range(len(shape))), "a permutation")
        return [shape[d] for d in numbers(dims)], element, written

    def parse_reverse(self, text):
        x, dims, written = match(r"stablehlo\.reverse <V>, dims = <L> : <T>", text)
        shape, element = self.use(x, written)
        need(all(0 <= d < len(shape) for d in numbers(dims)), "reverse's dims")
        return shape, element, written

    def parse_slice(self, text):
        x, ranges, a, written = match(r"stablehlo\.slice <V> \[([\d:, ]*)\] : \(<T>\) -> <T>", text)
        shape, element = self.use(x, a)
        result = []
        parts = ranges.split(", ") if ranges else []
        need(len(parts) == len(shape), "a range for each axis")
        for extent, part in zip(shape, parts):
            start, limit, *step = map(int, part.split(":"))
            need(0 <= start <= limit <= extent, f"range {part} of {extent}")
            result.append(-(-(limit - start) // (step[0] if step else 1)))
        return result, element, written

    def parse_pad(self, text):
        x, v, low, high, interior, a, b, written = match(
            r"stablehlo\.pad <V>, <V>, low = <L>, high = <L>, interior = <L> : \(<T>, <T>\) -> <T>", text)
        shape, element = self.use(x, a)
        need(self.use(v, b) == ((), element), "pad's value")
        return [l + n + max(n - 1, 0) * i + h for n, l, h, i in
                zip(shape, numbers(low), numbers(high), numbers(interior), strict=True)], element, written

    def parse_concatenate(self, text):
        names, axis, types, written = match(
            rf"stablehlo\.concatenate ({VALUE}(?:, {VALUE})*), dim = (\d+) : \(({TYPE}(?:, {TYPE})*)\) -> <T>", text)
        operands, axis = self.uses(names, types), int(axis)
        shape, element = list(operands[0][0]), operands[0][1]
        shape[axis] = sum(other[axis] for other, _ in operands)
        for other, kind in operands:
            need(kind == element and other[:axis] + other[axis + 1:] == tuple(shape[:axis] + shape[axis + 1:]), "concatenate")
        return shape, element, written

    def parse_reduce(self, text):
        x, init, fold, dims, a, b, written = match(
            r"stablehlo\.reduce\(<V> init: <V>\) applies stablehlo\.(\w+) across dimensions = <L> : \(<T>, <T>\) -> <T>", text)
        shape, element = self.use(x, a)
        need(fold in FOLDS and self.use(init, b) == ((), element), "reduce's init")
        return [n for i, n in enumerate(shape) if i not in numbers(dims)], element, written

    def parse_dot_general(self, text):
        x, y, batch, other, left, right, a, b, written = match(
            r"stablehlo\.dot_general <V>, <V>(?:, batching_dims = <L> x <L>)?, contracting_dims = <L> x <L> : "
            r"\(<T>, <T>\) -> <T>", text)
        (xs, element), (ys, kind) = self.use(x, a), self.use(y, b)
        batch, other, left, right = (numbers(part or "[]") for part in (batch, other, left, right))
        need(element == kind and [xs[i] for i in batch] == [ys[i] for i in other], "dot_general's batch")
        need([xs[i] for i in left] == [ys[i] for i in right], "dot_general's contraction")
        return ([xs[i] for i in batch] + [n for i, n in enumerate(xs) if i not in batch + left] +
                [n for i, n in enumerate(ys) if i not in other + right]), element, written

    def parse_convolution(self, text):
        x, w, spatial, stride, pad, dilate, groups, a, b, written = match(
            r"stablehlo\.convolution\(<V>, <V>\) dim_numbers = \[b, f((?:, \d)+)\]x\[o, i(?:, \d)+\]->\[b, f(?:, \d)+\], "
            r"window = \{stride = <L>, pad = \[((?:\[0, 0\](?:, )?)+)\], rhs_dilate = <L>\} "
            r"\{batch_group_count = 1 : i64, feature_group_count = (\d+) : i64\} : \(<T>, <T>\) -> <T>", text)
        (xs, element), (ws, kind) = self.use(x, a), self.use(w, b)
        need(element == kind and len(xs) == len(ws) == 2 + spatial.count(",") == 2 + pad.count("["), "convolution's ranks")
        need(xs[1] == ws[1] * int(groups) and ws[0] % int(groups) == 0, "convolution's groups")
        return [xs[0], ws[0]] + [(n - (k - 1) * d - 1) // s + 1 for n, k, s, d in
                                 zip(xs[2:], ws[2:], numbers(stride), numbers(dilate), strict=True)], element, written

    def parse_gather(self, text):
        x, i, offsets, collapsed, start, vector, sizes, a, b, written = match(
            r'"stablehlo\.gather"\(<V>, <V>\) <\{dimension_numbers = #stablehlo\.gather<offset_dims = <L>, '
            r"collapsed_slice_dims = <L>, start_index_map = <L>, index_vector_dim = (\d+)>, indices_are_sorted = false, "
            r"slice_sizes = array<i64: (\d+(?:, \d+)*)>\}> : \(<T>, <T>\) -> <T>", text)
        (xs, element), (indices, kind) = self.use(x, a), self.use(i, b)
        offsets, collapsed, sizes = numbers(offsets), numbers(collapsed), numbers(sizes)
        need(kind in ("i32", "i64") and int(vector) == len(indices) and numbers(start) == collapsed, "gather's indices")
        need(len(sizes) == len(xs) and all(0 <= s <= n for s, n in zip(sizes, xs)), "gather's sizes")
        need(all(sizes[d] == 1 for d in collapsed), "gather's collapsed sizes")
        rows = iter([s for d, s in enumerate(sizes) if d not in collapsed])
        batch = iter(indices)
        rank = len(indices) + len(offsets)
        return [next(rows) if d in offsets else next(batch) for d in range(rank)], element, written


def check(text):
    lines = text.splitlines()
    need(lines[0] == "module @diptych {" and lines[-2:] == ["  }", "}"], "the frame of a module")
    arguments, results = match(rf"  func\.func public @main\(((?:%\w+: {TYPE}(?:, )?)*)\) -> \(((?:{TYPE}(?:, )?)*)\) \{{", lines[1])
    module, count = Module(), 0
    for name, type_ in re.findall(rf"({VALUE}): ({TYPE})", arguments):
        module.types[name] = type_
    for line in lines[2:-3]:
        name, operation = match(r"    <V> = (.*)", line)
        need(name not in module.types, f"{name} is defined twice")
        module.types[name] = module.operation(operation)
        count += 1
    names, types = match(rf"    return(?: ((?:{VALUE}(?:, )?)+) : ((?:{TYPE}(?:, )?)+))?", lines[-3])
    if names:
        module.uses(names, types)
    need((types or "") == results, "what is returned")
    return count


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        print(f"{check(file.read())} operations parsed")
