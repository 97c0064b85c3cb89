// Factorisations that solve, in artefacts.
#include "aot/library/Scratch.h"

#include "runtime/library/kernels/Solvers.h"

ENTRY(cholesky, f32, Cholesky<float>)
ENTRY(cholesky, f64, Cholesky<double>)
ENTRY(triangular_solve, f32, TriangularSolve<float>)
ENTRY(triangular_solve, f64, TriangularSolve<double>)
ENTRY(solve, f32, Solve<float>)
ENTRY(solve, f64, Solve<double>)
ENTRY(det, f32, Det<float>)
ENTRY(det, f64, Det<double>)
ENTRY(slogdet, f32, Slogdet<float>)
ENTRY(slogdet, f64, Slogdet<double>)
