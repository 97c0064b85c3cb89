/* Calls every function of the artefact `probe`; prints what it gives as bits. C99 and C++. With THREADS the artefact
   takes threads. */
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef THREADS
static const diptych_threads team = {THREADS, NULL, NULL};
#define MORE , &team
#else
#define MORE
#endif

static void print(const char *what, const void *bytes, size_t count) {
  const unsigned char *byte = (const unsigned char *)bytes;
  size_t i;
  printf("%s ", what);
  for (i = 0; i < count; ++i)
    printf("%02x", byte[i]);
  printf("\n");
}

/* Exactly as large as asked for, so that valgrind sees a step too far. */
static void *workspace(size_t bytes, void **base) {
  char *memory = (char *)malloc(bytes + PROBE_ALIGNMENT);
  size_t shift = PROBE_ALIGNMENT - (size_t)memory % PROBE_ALIGNMENT;
  *base = memory;
  return memory + shift;
}

int main(void) {
  double w[PROBE_LOSS_W_ELEMENTS], out, grad[PROBE_LOSS_GRAD_OUT1_ELEMENTS];
  double *X = (double *)malloc(sizeof(double) * PROBE_LOSS_X_ELEMENTS);
  int32_t rows[2] = {7, 299}, bad[2] = {7, 300};
  float x[5] = {1.5f, -2.0f, 0.0f, 4.0f, -8.5f};
  uint8_t flags[5] = {1, 0, 1, 0, 1}, positive[5];
  int32_t whole[5];
  double a[9] = {2, -1, 0, 0.5, 3, 1, 4, 0, -2}, solved[9], values[3], middle;
  void *base, *memory = workspace(PROBE_LOSS_GRAD_WORKSPACE_BYTES, &base);
  void *libraryBase, *libraryMemory = workspace(PROBE_LIBRARY_WORKSPACE_BYTES, &libraryBase);
  int i, code;
  if (PROBE_LOSS_WORKSPACE_BYTES > PROBE_LOSS_GRAD_WORKSPACE_BYTES ||
      PROBE_KINDS_WORKSPACE_BYTES > PROBE_LOSS_GRAD_WORKSPACE_BYTES ||
      probe_loss_grad_workspace_bytes() != PROBE_LOSS_GRAD_WORKSPACE_BYTES)
    return 2;
  if (strcmp(probe_version, PROBE_VERSION) || strcmp(probe_model_hash, PROBE_MODEL_HASH) ||
      probe_loss_inputs[1].shape[0] != 300 || probe_loss_inputs[1].rank != 2 ||
      strcmp(probe_kinds_outputs[0].dtype, "i32") || strcmp(probe_kinds_inputs[1].name, "flags"))
    return 3;
  if (probe_check_cpu() != PROBE_OK) {
    printf("%d %s\n", probe_loss(w, X, rows, &out, memory MORE), probe_error_message(probe_check_cpu()));
    free(X);
    free(base);
    free(libraryBase);
    return 0;
  }
  for (i = 0; i < PROBE_LOSS_W_ELEMENTS; ++i)
    w[i] = 0.1 * (i + 1);
  for (i = 0; i < PROBE_LOSS_X_ELEMENTS; ++i)
    X[i] = (i % 37) / 37.0 - 0.5;
  if ((code = probe_loss(w, X, rows, &out, memory MORE)))
    return 16 + code;
  print("loss", &out, sizeof out);
  if ((code = probe_loss_grad(w, X, rows, &out, grad, memory MORE)))
    return 16 + code;
  print("loss", &out, sizeof out);
  print("grad", grad, sizeof grad);
  if ((code = probe_shifted(w, grad, memory MORE)))
    return 16 + code;
  print("shifted", grad, sizeof grad);
  if ((code = probe_kinds(x, flags, whole, positive, memory MORE)))
    return 16 + code;
  print("whole", whole, sizeof whole);
  print("positive", positive, sizeof positive);
  if ((code = probe_library(a, solved, values, &middle, libraryMemory MORE)))
    return 16 + code;
  print("solved", solved, sizeof solved);
  print("values", values, sizeof values);
  print("middle", &middle, sizeof middle);
  memset(a, 0, sizeof a);
  printf("%s\n", probe_error_message(probe_library(a, solved, values, &middle, libraryMemory MORE)));
  code = probe_loss(w, X, bad, &out, memory MORE);
  printf("%s: %d\n", probe_error_message(code), probe_error_position(code));
  printf("%s\n", probe_error_message(probe_loss(w, X, rows, &out, NULL MORE)));
  free(X);
  free(base);
  free(libraryBase);
  return 0;
}
