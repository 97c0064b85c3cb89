"""Tables of compare.py, kernels.py and turns.py. Needs nothing but Python."""


def print_table(lines, legend, notes):
    """Columns as wide as their widest cell, the first aligned to the left; below it what they mean."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print("  ".join([line[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(line[1:], widths[1:])]))
    print(f"\n{legend}")
    for note in notes:
        print(note)


def milliseconds(seconds):
    return f"{1e3 * seconds:.3g}"


def cell_text(cell, jit, where, notes):
    """A peer's median over jit's and its first call; a cell without times is told in the notes."""
    if cell is None:
        return ""
    if cell["failure"]:
        notes.append(f"{where}: {cell['failure']}")
        return "-"
    return f"{cell['latency']['median'] / jit:.2f}x ({milliseconds(cell['first_call'])})"
