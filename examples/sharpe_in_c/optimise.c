/* Optimises the weights of a factor portfolio with a compiled gradient: plain C, no library. */
#include "sharpe.h"

#include <stdio.h>
#include <stdlib.h>

static double noise(void) { return 2.0 * rand() / RAND_MAX - 1.0; }

int main(void) {
  double *X = malloc(sizeof(double) * SHARPE_LOSS_GRAD_X_ELEMENTS);
  double *r = malloc(sizeof(double) * SHARPE_LOSS_GRAD_R_ELEMENTS);
  void *workspace = aligned_alloc(SHARPE_ALIGNMENT, SHARPE_LOSS_GRAD_WORKSPACE_BYTES);
  double w[SHARPE_LOSS_GRAD_W_ELEMENTS] = {0}, slope[SHARPE_LOSS_GRAD_W_ELEMENTS], loss = 0;
  for (int i = 0; i < SHARPE_LOSS_GRAD_R_ELEMENTS; ++i) { /* factor 0 foretells returns */
    for (int k = 0; k < SHARPE_LOSS_GRAD_W_ELEMENTS; ++k)
      X[i * SHARPE_LOSS_GRAD_W_ELEMENTS + k] = noise();
    r[i] = 0.02 * noise() + 0.001 * X[i * SHARPE_LOSS_GRAD_W_ELEMENTS];
  }
  for (int step = 0; step <= 100; ++step) {
    int code = sharpe_loss_grad(w, X, r, &loss, slope, workspace);
    if (code) {
      fprintf(stderr, "%s\n", sharpe_error_message(code));
      return 1;
    }
    if (step % 25 == 0)
      printf("step %3d: loss %.6f, w[0] %.4f\n", step, loss, w[0]);
    for (int k = 0; k < SHARPE_LOSS_GRAD_W_ELEMENTS; ++k)
      w[k] -= 0.2 * slope[k];
  }
  return 0;
}
