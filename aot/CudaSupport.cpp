// The part of a C file for GPUs that no model decides: opening the driver and cuBLAS, choosing an
// image. C99, but for dlopen. Owns the codes that functions return.
#include "aot/CudaSupport.h"

namespace diptych::aot {

const char* const kCudaSupport = R"(
enum { INIT, DEVICE, ATTRIBUTE, RETAIN, CURRENT, ALLOC, FREE, TO_DEVICE, TO_HOST, ON_DEVICE, FILL, LOAD, UNLOAD, FUNCTION,
       LAUNCH, STREAM, STREAM_END, WAIT, ERROR_NAME, SYMBOLS };
static const char *const symbols[SYMBOLS] = {
  "cuInit", "cuDeviceGet", "cuDeviceGetAttribute", "cuDevicePrimaryCtxRetain", "cuCtxSetCurrent", "cuMemAlloc_v2",
  "cuMemFree_v2", "cuMemcpyHtoDAsync_v2", "cuMemcpyDtoHAsync_v2", "cuMemcpyDtoDAsync_v2",
  "cuMemsetD8Async", "cuModuleLoadDataEx",
  "cuModuleUnload", "cuModuleGetFunction", "cuLaunchKernel", "cuStreamCreate", "cuStreamDestroy_v2",
  "cuStreamSynchronize", "cuGetErrorName"};
/* Of cuBLAS, if there are large products and it is there; our own kernels do them else. */
enum { BLAS_CREATE, BLAS_DESTROY, BLAS_STREAM, BLAS_MODE, BLAS_GEMM, BLAS_SYMBOLS };
static const char *const blasSymbols[BLAS_SYMBOLS] = {
  "cublasCreate_v2", "cublasDestroy_v2", "cublasSetStream_v2", "cublasSetMathMode",
  "cublasGemmStridedBatchedEx"};

struct NAME_cuda {
  void *calls[SYMBOLS], *blas[BLAS_SYMBOLS], *handle;
  void *context, *stream, *module;
  uint64_t constants;
  void *functions[FUNCTIONS + 1];
  char error[512];
};

#define CALL(a, n, types) ((int (*) types)(a)->calls[n])
#define BLAS(a, n, types) ((int (*) types)(a)->blas[n])

static int failed(NAME_cuda *a, int code, const char *what, int result) {
  const char *name = NULL;
  if (result && a->calls[ERROR_NAME])
    CALL(a, ERROR_NAME, (int, const char **))(result, &name);
  snprintf(a->error, sizeof a->error, "%s%s%s", what, result ? ": " : "", result ? (name ? name : "unknown error") : "");
  return code;
}

#define TRY(a, code, n, types, arguments)                                     \
  do {                                                                        \
    int result_ = CALL(a, n, types) arguments;                                \
    if (result_)                                                              \
      return failed(a, code, symbols[n], result_);                            \
  } while (0)

static int current(NAME_cuda *a) {
  TRY(a, NAME_CUDA_FAILED, CURRENT, (void *), (a->context));
  return 0;
}

/* Machine code of the same generation, the newest that the GPU runs; else PTX. */
static int load(NAME_cuda *a, int capability) {
  int best = -1, i, result = 1;
  for (i = 0; i < IMAGES; ++i)
    if (images[i].capability && images[i].capability / 10 == capability / 10 && images[i].capability <= capability &&
        (best < 0 || images[i].capability > images[best].capability))
      best = i;
  if (best >= 0)
    result = CALL(a, LOAD, (void **, const void *, unsigned, int *, void **))(&a->module, images[best].words, 0, NULL, NULL);
  for (i = 0; result && i < IMAGES; ++i)
    if (!images[i].capability)
      result = CALL(a, LOAD, (void **, const void *, unsigned, int *, void **))(&a->module, images[i].words, 0, NULL, NULL);
  if (result) {
    a->module = NULL;
    return failed(a, NAME_CUDA_NO_CODE, "cuModuleLoadDataEx", result);
  }
  for (i = 0; i < FUNCTIONS; ++i)
    TRY(a, NAME_CUDA_NO_CODE, FUNCTION, (void **, void *, const char *), (&a->functions[i], a->module, functions[i]));
  return 0;
}

static int begin(NAME_cuda *a, int device) {
  int number = 0, major = 0, minor = 0, code, i;
  TRY(a, NAME_CUDA_NO_GPU, INIT, (unsigned), (0));
  TRY(a, NAME_CUDA_NO_GPU, DEVICE, (int *, int), (&number, device));
  TRY(a, NAME_CUDA_NO_GPU, ATTRIBUTE, (int *, int, int), (&major, 75, number));
  TRY(a, NAME_CUDA_NO_GPU, ATTRIBUTE, (int *, int, int), (&minor, 76, number));
  if (major < 8)
    return failed(a, NAME_CUDA_NO_GPU, "the GPU has a compute capability below 8.0", 0);
  TRY(a, NAME_CUDA_NO_GPU, RETAIN, (void **, int), (&a->context, number));
  if ((code = current(a)) != 0)
    return code;
  TRY(a, NAME_CUDA_FAILED, STREAM, (void **, unsigned), (&a->stream, 1));
  if ((code = load(a, 10 * major + minor)) != 0)
    return code;
  for (i = 0; i < BLAS_SYMBOLS; ++i)
    if (!a->blas[i])
      break;
  if (i < BLAS_SYMBOLS || BLAS(a, BLAS_CREATE, (void **))(&a->handle))
    a->handle = NULL;
  if (a->handle) /* parts of a sum are added as they were computed */
    BLAS(a, BLAS_MODE, (void *, int))(a->handle, 16);
  if (CONSTANT_BYTES > 0) {
    TRY(a, NAME_CUDA_FAILED, ALLOC, (uint64_t *, size_t), (&a->constants, CONSTANT_BYTES));
    TRY(a, NAME_CUDA_FAILED, TO_DEVICE, (uint64_t, const void *, size_t, void *),
        (a->constants, constants, CONSTANT_BYTES, a->stream));
    TRY(a, NAME_CUDA_FAILED, WAIT, (void *), (a->stream));
  }
  return 0;
}

int NAME_cuda_open_with(int device, void *(*symbol)(const char *name), NAME_cuda **artefact) {
  int i;
  NAME_cuda *a = calloc(1, sizeof *a);
  *artefact = a;
  if (!a)
    return NAME_CUDA_NO_MEMORY;
  for (i = 0; i < SYMBOLS; ++i)
    if (!(a->calls[i] = symbol(symbols[i]))) {
      snprintf(a->error, sizeof a->error, "the driver has no %s", symbols[i]);
      return NAME_CUDA_NO_DRIVER;
    }
  for (i = 0; PRODUCTS > 0 && i < BLAS_SYMBOLS; ++i)
    a->blas[i] = symbol(blasSymbols[i]);
  return begin(a, device);
}

static void *ofDriver(const char *name) {
  static void *library, *blas; /* never closed */
  static const char *const names[] = {"libcublas.so.13", "libcublas.so.12", "libcublas.so"};
  int i;
  if (!strncmp(name, "cublas", 6)) {
    for (i = 0; !blas && i < 3; ++i)
      blas = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    return blas ? dlsym(blas, name) : NULL;
  }
  if (!library)
    library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  return library ? dlsym(library, name) : NULL;
}

int NAME_cuda_open(int device, NAME_cuda **artefact) {
  const int code = NAME_cuda_open_with(device, ofDriver, artefact);
  if (code == NAME_CUDA_NO_DRIVER && !ofDriver("cuInit"))
    snprintf((*artefact)->error, sizeof (*artefact)->error, "libcuda.so.1 could not be opened; install NVIDIA's driver");
  return code;
}

void NAME_cuda_close(NAME_cuda *a) {
  if (!a)
    return;
  if (a->stream && !current(a)) {
    CALL(a, WAIT, (void *))(a->stream);
    if (a->handle)
      BLAS(a, BLAS_DESTROY, (void *))(a->handle);
    if (a->constants)
      CALL(a, FREE, (uint64_t))(a->constants);
    if (a->module)
      CALL(a, UNLOAD, (void *))(a->module);
    CALL(a, STREAM_END, (void *))(a->stream);
  }
  free(a);
}

const char *NAME_cuda_error(const NAME_cuda *a) { return a ? a->error : "out of memory"; }
void *NAME_cuda_stream(const NAME_cuda *a) { return a->stream; }
)";

const char* const kCudaDeclarations = R"(
/* What functions return; 0: done. NAME_cuda_error says more. */
enum {
  NAME_CUDA_NO_MEMORY = 1,  /* of the host */
  NAME_CUDA_NO_DRIVER = 2,  /* libcuda.so.1 is not found or too old */
  NAME_CUDA_NO_GPU = 3,     /* or one below compute capability 8.0 */
  NAME_CUDA_NO_CODE = 4,    /* the driver takes none of the images */
  NAME_CUDA_BAD_ARRAY = 5,  /* NULL or misaligned */
  NAME_CUDA_FAILED = 6,     /* a call of the driver */
  NAME_CUDA_STEP_FAILED = 7 /* a step of the model, named with its line */
};

/* The code on one GPU. One thread at a time uses it; to be closed whatever open returned. */
typedef struct NAME_cuda NAME_cuda;
int NAME_cuda_open(int device, NAME_cuda **artefact);
/* With the driver's functions from elsewhere: symbol("cuInit"), ... */
int NAME_cuda_open_with(int device, void *(*symbol)(const char *name), NAME_cuda **artefact);
void NAME_cuda_close(NAME_cuda *artefact);
/* What the last failure was. */
const char *NAME_cuda_error(const NAME_cuda *artefact);
/* The CUstream that is used where NULL is given for one. */
void *NAME_cuda_stream(const NAME_cuda *artefact);
)";

} // namespace diptych::aot
