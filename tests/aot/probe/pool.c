/* Threads that last, from C99: the artefact `probe` on a pool that two callers share. With REFUSE the system refuses
   threads from that one on. */
#include "probe.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef REFUSE
int __real_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __wrap_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *how, void *(*what)(void *), void *with) {
  static int created;
  return ++created >= REFUSE ? 11 : __real_pthread_create(id, how, what, with);
}
#endif

static double X[PROBE_LOSS_X_ELEMENTS], w[PROBE_LOSS_W_ELEMENTS];
static const int32_t rows[2] = {7, 299};

static void *aligned(size_t bytes) {
  void *memory = NULL;
  return posix_memalign(&memory, PROBE_ALIGNMENT, bytes) ? NULL : memory;
}

static int same(const diptych_threads *threads, int times) {
  static const diptych_threads alone = {1, NULL, NULL};
  double expected[1 + PROBE_LOSS_GRAD_OUT1_ELEMENTS], got[1 + PROBE_LOSS_GRAD_OUT1_ELEMENTS];
  void *memory = aligned(PROBE_LOSS_GRAD_WORKSPACE_BYTES + 64);
  int i, bad = probe_loss_grad(w, X, rows, expected, expected + 1, memory, &alone);
  for (i = 0; i < times && !bad; ++i) {
    memset(got, 0, sizeof got);
    bad = probe_loss_grad(w, X, rows, got, got + 1, memory, threads) || memcmp(got, expected, sizeof got);
  }
  free(memory);
  return bad;
}

static void *caller(void *threads) { return same((const diptych_threads *)threads, 100) ? threads : NULL; }

int main(void) {
  diptych_threads threads = {0, NULL, NULL}, more;
  pthread_t other;
  void *memory = aligned(probe_pool_bytes(4)), *failed = NULL, *workspace;
  struct timespec pause = {0, 300000000};
  clock_t before;
  double out;
  int i, round, started;
  for (i = 0; i < PROBE_LOSS_W_ELEMENTS; ++i)
    w[i] = 0.1 * (i + 1);
  for (i = 0; i < PROBE_LOSS_X_ELEMENTS; ++i)
    X[i] = (i % 37) / 37.0 - 0.5;
  if (probe_pool_bytes(0) > probe_pool_bytes(4) || probe_pool_bytes(4) != probe_pool_bytes(1000) ||
      probe_start_pool(NULL, 4, &threads) != PROBE_ERROR_NULL || probe_start_pool(memory, 4, NULL) != PROBE_ERROR_NULL ||
      probe_start_pool((char *)memory + 8, 4, &threads) != PROBE_ERROR_WORKSPACE || threads.pool)
    return 1;
  for (round = 0; round < 3; ++round) { /* the memory serves again */
    if (probe_start_pool(memory, 4, &threads) || !threads.run)
      return 2;
    started = threads.count;
    if (same(&threads, 200))
      return 3;
    nanosleep(&pause, NULL); /* to sleep and up again */
    if (same(&threads, 5))
      return 4;
    if (pthread_create(&other, NULL, caller, &threads) == 0) {
      i = same(&threads, 100);
      pthread_join(other, &failed);
      if (i || failed)
        return 5;
    }
    more = threads;
    more.count = started < 4 ? 4 : 1;
    workspace = aligned(PROBE_LOSS_WORKSPACE_BYTES + 64);
    i = probe_loss(w, X, rows, &out, workspace, &more);
    free(workspace);
    if (i != (started < 4 ? PROBE_ERROR_THREADS : PROBE_OK))
      return 6;
    nanosleep(&pause, NULL);
    before = clock();
    nanosleep(&pause, NULL);
    if (clock() - before > CLOCKS_PER_SEC / 50)
      return 7;
    probe_stop_pool(&threads);
    if (threads.count != 1 || threads.run || threads.pool || same(&threads, 1))
      return 8;
    probe_stop_pool(&threads); /* nothing to stop */
  }
  probe_stop_pool(NULL);
  free(memory);
  printf("%d %s\n", started, probe_error_message(PROBE_ERROR_THREADS));
  return 0;
}
