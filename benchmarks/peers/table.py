"""Tables of compare.py, kernels.py and steps.py. Needs nothing but Python."""


def print_table(lines, legend, notes):
    """Columns as wide as their widest cell, the first aligned to the left; below it what they mean."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print("  ".join([line[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(line[1:], widths[1:])]))
    print(f"\n{legend}")
    for note in notes:
        print(note)
