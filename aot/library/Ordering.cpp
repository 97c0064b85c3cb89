// Sorting, searching and rolling order statistics in artefacts.
#include "aot/library/Scratch.h"

#include "runtime/library/kernels/Argsort.h"
#include "runtime/library/kernels/Rolling.h"
#include "runtime/library/kernels/Searchsorted.h"

ENTRY(argsort, f32, Argsort<float>)
ENTRY(argsort, f64, Argsort<double>)
ENTRY(argsort, i32, Argsort<int32_t>)
ENTRY(argsort, i64, Argsort<int64_t>)
ENTRY(searchsorted, f32, Searchsorted<float>)
ENTRY(searchsorted, f64, Searchsorted<double>)
ENTRY(searchsorted, i32, Searchsorted<int32_t>)
ENTRY(searchsorted, i64, Searchsorted<int64_t>)
ENTRY(rolling_argmax, f32, Argmax<float>)
ENTRY(rolling_argmax, f64, Argmax<double>)
ENTRY(rolling_argmin, f32, Argmin<float>)
ENTRY(rolling_argmin, f64, Argmin<double>)
ENTRY(rolling_rank, f32, Rank<float>)
ENTRY(rolling_rank, f64, Rank<double>)
ENTRY(rolling_argselect, f32, Argselect<float>)
ENTRY(rolling_argselect, f64, Argselect<double>)
