"""check_stablehlo.py FILE: parses StableHLO text by the grammar of the operations that Diptych writes, one a line but for
regions, and infers every result's type from its operands by the operation's rules in the StableHLO specification. Knows nothing of
what the numbers are; stablehlo_peer.py asks a StableHLO compiler."""
import re
import sys

TYPE = r"tensor<(?:\d+x)*(?:f32|f64|i1|i32|i64)>"
VALUE = r"%\w+(?:#\d+)?"
LIST = r"\[(?:-?\d+(?:, -?\d+)*)?\]"
UNARY_FLOAT = {"exponential", "exponential_minus_one", "log", "log_plus_one", "sqrt", "rsqrt", "cbrt", "tanh", "logistic",
               "sine", "cosine", "tan", "floor", "ceil", "round_nearest_even"}
UNARY = UNARY_FLOAT | {"negate", "abs", "sign", "not", "optimization_barrier"}
BINARY = {"add", "subtract", "multiply", "divide", "power", "remainder", "maximum", "minimum", "atan2", "and", "or", "xor",
          "shift_left", "shift_right_logical"}
INTEGER = {"and", "or", "xor", "shift_left", "shift_right_logical"}
COMPOSED = {"sinh": 1, "cosh": 1, "asin": 1, "acos": 1, "erf": 1, "erfc": 1, "erf_inv": 1, "lgamma": 1, "digamma": 1,
            "polygamma": 2}
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
        if text.startswith("chlo."):
            return self.composed(text)
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
            need(element[0] == "i" if name in INTEGER else element != "i1", f"{name} of {element}")
        else:
            shape, element, written = getattr(self, "parse_" + name)(text)
        need(parseType(written) == (tuple(shape), element), f"inferred {shape} of {element}, written {written}")
        return written

    def composed(self, text):
        name, names, types, written = match(rf"chlo\.(\w+) ({VALUE}(?:, {VALUE})*) : ({TYPE}(?:, {TYPE})*) -> <T>", text)
        operands = self.uses(names, types)
        need(COMPOSED.get(name) == len(operands) and all(x == operands[0] for x in operands), f"operands of {name}")
        need(operands[0][1][0] == "f" and parseType(written) == operands[0], f"the type of {name}")
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


    def parse_dynamic_slice(self, text):
        x, at, sizes, a, types, written = match(
            rf"stablehlo\.dynamic_slice <V>((?:, {VALUE})*), sizes = <L> : \(<T>((?:, {TYPE})*)\) -> <T>", text)
        shape, element = self.use(x, a)
        self.indices(at, types, len(shape))
        need(len(sizes := numbers(sizes)) == len(shape) and all(0 <= k <= n for k, n in zip(sizes, shape)), "its sizes")
        return sizes, element, written

    def parse_dynamic_update_slice(self, text):
        x, part, at, a, b, types, written = match(
            rf"stablehlo\.dynamic_update_slice <V>, <V>((?:, {VALUE})*) : \(<T>, <T>((?:, {TYPE})*)\) -> <T>", text)
        (shape, element), (own, kind) = self.use(x, a), self.use(part, b)
        self.indices(at, types, len(shape))
        need(kind == element and len(own) == len(shape) and all(k <= n for k, n in zip(own, shape)), "its update")
        return shape, element, written

    def indices(self, names, types, count):
        scalars = self.uses(names[2:], types[2:]) if names else []
        need(scalars == [((), "i64")] * count, "an index for each axis")

    def parse_cholesky(self, text):
        x, written = match(r"stablehlo\.cholesky <V>, lower = true : <T>", text)
        shape, element = self.use(x, written)
        need(len(shape) >= 2 and shape[-1] == shape[-2] and element[0] == "f", "cholesky's matrix")
        return shape, element, written

    def parse_triangular_solve(self, text):
        x, y, a, b, written = match(
            r'"stablehlo\.triangular_solve"\(<V>, <V>\) <\{left_side = true, lower = (?:true|false), transpose_a = '
            r"#stablehlo<transpose (?:NO_)?TRANSPOSE>, unit_diagonal = (?:true|false)\}> : \(<T>, <T>\) -> <T>", text)
        (xs, element), (ys, kind) = self.use(x, a), self.use(y, b)
        need(element == kind and element[0] == "f" and len(xs) == len(ys) >= 2, "triangular_solve's operands")
        need(xs[:-2] == ys[:-2] and xs[-1] == xs[-2] == ys[-2], "triangular_solve's shapes")
        return ys, element, written

    # Regions: operands as (name, type as written), regions as (types of arguments, types returned).

    def region_while(self, attributes, operands, regions, results):
        types = [type_ for _, type_ in operands]
        need(not attributes and [own for own, _ in regions] == [types, types], "while's arguments")
        need(regions[0][1] == ["tensor<i1>"] and regions[1][1] == types == results, "what while returns")

    def region_if(self, attributes, operands, regions, results):
        need(not attributes and [type_ for _, type_ in operands] == ["tensor<i1>"], "if's predicate")
        need(regions == [([], results)] * 2, "what if returns")

    def region_sort(self, attributes, operands, regions, results):
        axis = match(r" <\{dimension = (\d+) : i64, is_stable = true\}>", attributes)[0]
        types = [type_ for _, type_ in operands]
        shapes = [parseType(type_)[0] for type_ in types]
        need(results == types and all(shape == shapes[0] for shape in shapes) and int(axis) < len(shapes[0]), "sort")
        pairs = [f"tensor<{parseType(type_)[1]}>" for type_ in types for _ in range(2)]
        need(regions == [(pairs, ["tensor<i1>"])], "sort's comparison")

    def region_scatter(self, attributes, operands, regions, results):
        rows, inserted, to, vector = match(
            r" <\{indices_are_sorted = false, scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = <L>, "
            r"inserted_window_dims = <L>, scatter_dims_to_operand_dims = <L>, index_vector_dim = (\d+)>, "
            r"unique_indices = false\}>", attributes)
        (xs, element), (indices, kind), (us, other) = [parseType(type_) for _, type_ in operands]
        rows, inserted = numbers(rows), numbers(inserted)
        need(results == [operands[0][1]] and other == element and kind in ("i32", "i64"), "scatter's types")
        need(numbers(to) == inserted and int(vector) == len(indices), "scatter's indices")
        need([us[d] for d in rows] == [n for d, n in enumerate(xs) if d not in inserted], "scatter's rows")
        need([n for d, n in enumerate(us) if d not in rows] == list(indices), "scatter's updates")
        need(regions == [([f"tensor<{element}>"] * 2, [f"tensor<{element}>"])], "scatter's combination")


OWN_NAMES = {"while", "sort", "scatter"}  # regions that name nothing around them


class Text:
    """The lines of a module, from `at` on."""
    def __init__(self, text):
        self.lines, self.at, self.count = text.splitlines(), 0, 0

    def take(self, pattern):
        groups = match(pattern, self.lines[self.at])
        self.at += 1
        return groups

    def block(self, module, margin, last):
        """Operations up to the one that returns; the types it returns."""
        while not self.lines[self.at].startswith(margin + last):
            name, several, operation = self.take(rf"{margin}(%\w+)(?::(\d+))? = (.*)")
            need(name not in module.types, f"{name} is defined twice")
            results = self.regions(module, margin, operation) if operation.endswith("({") else [module.operation(operation)]
            need(int(several or 1) == len(results) or (several, len(results)) == ("0", 0), "as many names as results")
            for i, type_ in enumerate(results):
                module.types[f"{name}#{i}" if several else name] = type_
            self.count += 1
        names, types = self.take(rf"{margin}{last}(?: ((?:{VALUE}(?:, )?)+) : ((?:{TYPE}(?:, )?)+))?")
        if names:
            module.uses(names, types)
        return types.split(", ") if types else []

    def regions(self, module, margin, operation):
        name, names, attributes = match(rf'"stablehlo\.(\w+)"\(((?:{VALUE}(?:, )?)*)\)( <\{{.*\}}>)? \(\{{', operation)
        regions = []
        while True:
            inside = Module()
            if name not in OWN_NAMES:
                inside.types.update(module.types)
            own = []
            if self.lines[self.at].startswith(margin + "^bb0"):
                arguments, = self.take(rf"{re.escape(margin)}\^bb0\(((?:%\w+: {TYPE}(?:, )?)+)\):")
                for argument, type_ in re.findall(rf"({VALUE}): ({TYPE})", arguments):
                    need(argument not in module.types, f"{argument} is defined twice")
                    inside.types[argument] = type_
                    own.append(type_)
            regions.append((own, self.block(inside, margin + "  ", "stablehlo.return")))
            if self.lines[self.at] != margin + "}, {":
                break
            self.at += 1
        types, one, results = self.take(
            rf"{margin}\}}\) : \(((?:{TYPE}(?:, )?)*)\) -> (?:({TYPE})|\(((?:{TYPE}(?:, )?)*)\))")
        if names:
            module.uses(names, types)
        results = [one] if one else results.split(", ") if results else []
        operands = list(zip(names.split(", "), types.split(", "))) if names else []
        getattr(module, "region_" + name)(attributes or "", operands, regions, results)
        return results


def check(text):
    lines = Text(text)
    need(lines.lines[0] == "module @diptych {" and lines.lines[-2:] == ["  }", "}"], "the frame of a module")
    lines.at = 1
    arguments, results = lines.take(rf"  func\.func public @main\(((?:%\w+: {TYPE}(?:, )?)*)\) -> \(((?:{TYPE}(?:, )?)*)\) \{{")
    module = Module()
    for name, type_ in re.findall(rf"({VALUE}): ({TYPE})", arguments):
        module.types[name] = type_
    returned = lines.block(module, "    ", "return")
    need(", ".join(returned) == results, "what is returned")
    need(lines.at == len(lines.lines) - 2, "nothing after what is returned")
    return lines.count


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        print(f"{check(file.read())} operations parsed")
