"""Doubles every exported array of one element or more, or those whose names begin with the second argument."""
import glob
import os
import sys

import numpy

beginning = sys.argv[2] if len(sys.argv) > 2 else ""
for path in glob.glob(os.path.join(sys.argv[1], "*.npz")):
    arrays = dict(numpy.load(path))
    numpy.savez(path, **{name: 2 * array if name.startswith(beginning) else array for name, array in arrays.items()})
