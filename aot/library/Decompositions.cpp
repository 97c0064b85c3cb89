// Orthogonal decompositions in artefacts.
#include "aot/library/Scratch.h"

#include "runtime/library/kernels/Decompositions.h"

ENTRY(qr, f32, Qr<float>)
ENTRY(qr, f64, Qr<double>)
ENTRY(eigh, f32, Eigh<float>)
ENTRY(eigh, f64, Eigh<double>)
ENTRY(svd, f32, Svd<float>)
ENTRY(svd, f64, Svd<double>)
ENTRY(pinv, f32, Pinv<float>)
ENTRY(pinv, f64, Pinv<double>)
