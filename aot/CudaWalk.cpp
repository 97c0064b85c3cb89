// The part of a C file for GPUs that walks a plan: launches, products, loops and branches, as
// runtime/Execution does. C99.
#include "aot/CudaSupport.h"

namespace diptych::aot {

const char* const kCudaWalk = R"(
/* A call on its way. */
struct run {
  NAME_cuda *a;
  uint64_t workspace;
  void *stream;
};

static int walk(const struct run *r, int number, const uint64_t *slots, uint64_t arena);

static int copy(const struct run *r, uint64_t to, uint64_t from, size_t count) {
  NAME_cuda *a = r->a;
  if (to != from && count)
    TRY(a, NAME_CUDA_FAILED, ON_DEVICE, (uint64_t, uint64_t, size_t, void *), (to, from, count, r->stream));
  return 0;
}

/* Waits for the predicate. */
static int ask(const struct run *r, uint64_t predicate, int *holds) {
  NAME_cuda *a = r->a;
  unsigned char byte = 0;
  TRY(a, NAME_CUDA_FAILED, TO_HOST, (void *, uint64_t, size_t, void *), (&byte, predicate, 1, r->stream));
  TRY(a, NAME_CUDA_FAILED, WAIT, (void *), (r->stream));
  *holds = byte != 0;
  return 0;
}

/* Operands are consts, carries and xs; then come results, a second place for each carry, the memory of the parts. A
   carry lies in two places by turns. */
static int scan(const struct run *r, const struct control *c, const uint64_t *args) {
  const uint64_t *init = args + c->consts, *xs = init + c->carry, *results = xs + c->xs, *second = results + c->results;
  const int64_t *carryBytes = sizes + c->sizes, *rowBytes = carryBytes + c->carry, *staged = rowBytes + c->xs + c->results - c->carry;
  uint64_t slots[MOST_SLOTS], carry[MOST_SLOTS];
  const int inputs = programs[c->body].inputs;
  int64_t step;
  int i, j, code;
  memcpy(slots, args, c->consts * sizeof *slots);
  memcpy(carry, init, c->carry * sizeof *carry);
  for (step = 0; step < c->length; ++step) {
    const int64_t left = c->length - 1 - step, row = c->reverse ? left : step;
    const uint64_t *to = left % 2 == 0 ? results : second;
    for (i = 0; i < c->carry; ++i) {
      slots[c->consts + i] = carry[i];
      carry[i] = slots[inputs + i] = to[i];
    }
    for (i = 0; i < c->xs; ++i) {
      const uint64_t from = xs[i] + (uint64_t)(row * rowBytes[i]);
      slots[c->consts + c->carry + i] = staged[i] < 0 ? from : r->workspace + (uint64_t)staged[i];
      if (staged[i] >= 0 && (code = copy(r, r->workspace + (uint64_t)staged[i], from, (size_t)rowBytes[i])) != 0)
        return code;
    }
    for (i = c->carry, j = c->xs; i < c->results; ++i, ++j)
      slots[inputs + i] = staged[j] < 0 ? results[i] + (uint64_t)(row * rowBytes[j]) : r->workspace + (uint64_t)staged[j];
    if ((code = walk(r, c->body, slots, second[c->carry])) != 0)
      return code;
    for (i = c->carry, j = c->xs; i < c->results; ++i, ++j)
      if (staged[j] >= 0 && (code = copy(r, results[i] + (uint64_t)(row * rowBytes[j]), slots[inputs + i], (size_t)rowBytes[j])) != 0)
        return code;
  }
  for (i = 0; i < c->carry; ++i)
    if ((code = copy(r, results[i], carry[i], (size_t)carryBytes[i])) != 0)
      return code;
  return 0;
}

static int whileLoop(const struct run *r, const struct control *c, const uint64_t *args) {
  const int m = c->carry;
  const uint64_t *results = args + c->consts + m, *second = results + m;
  uint64_t slots[MOST_SLOTS], carry[MOST_SLOTS];
  int64_t step;
  int i, code, holds = 0;
  memcpy(carry, args + c->consts, m * sizeof *carry);
  memcpy(slots, args, c->consts * sizeof *slots);
  for (step = 0; step != c->length; ++step) {
    memcpy(slots + c->consts, carry, m * sizeof *carry);
    slots[programs[c->other].inputs] = second[m + 2];
    if ((code = walk(r, c->other, slots, second[m + 1])) != 0 || (code = ask(r, second[m + 2], &holds)) != 0)
      return code;
    if (!holds)
      break;
    memcpy(carry, step % 2 == 0 ? results : second, m * sizeof *carry);
    memcpy(slots + programs[c->body].inputs, carry, m * sizeof *carry);
    if ((code = walk(r, c->body, slots, second[m])) != 0)
      return code;
  }
  for (i = 0; i < m; ++i)
    if ((code = copy(r, results[i], carry[i], (size_t)sizes[c->sizes + i])) != 0)
      return code;
  return 0;
}

static int branch(const struct run *r, const struct control *c, const uint64_t *args) {
  const uint64_t *results = args + 1 + c->xs;
  uint64_t slots[MOST_SLOTS];
  int code, holds = 0, part;
  if ((code = ask(r, args[0], &holds)) != 0)
    return code;
  part = holds ? c->body : c->other;
  memcpy(slots, args + 1, c->xs * sizeof *slots);
  memcpy(slots + programs[part].inputs, results, c->results * sizeof *slots);
  return walk(r, part, slots, results[c->results + (holds ? 0 : 1)]);
}

/* Row-major C = A B is column-major C' = B' A'. */
static int multiply(const struct run *r, const struct product *p, const uint64_t *args) {
  NAME_cuda *a = r->a;
  const int wide = p->types[0] == 1;
  const uint64_t x = args[p->args[0]] + p->sizes[0] * p->offsets[0], y = args[p->args[1]] + p->sizes[0] * p->offsets[1],
                 z = args[p->args[2]] + p->sizes[1] * p->offsets[2];
  const double one = 1, zero = 0;
  const float one32 = 1, zero32 = 0;
  int result = BLAS(a, BLAS_STREAM, (void *, void *))(a->handle, r->stream);
  if (!result)
    result = BLAS(a, BLAS_GEMM,
                  (void *, int, int, int, int, int, const void *, uint64_t, int, int, long long, uint64_t, int, int, long long,
                   const void *, uint64_t, int, int, long long, int, int, int))(
        a->handle, p->turned[1], p->turned[0], p->n, p->m, p->k, wide ? (const void *)&one : (const void *)&one32, y,
        p->types[0], p->leading[1], p->batch[1], x, p->types[0], p->leading[0], p->batch[0],
        wide ? (const void *)&zero : (const void *)&zero32, z, p->types[1], p->leading[2], p->batch[2], p->count, p->types[2],
        -1);
  return result ? failed(a, NAME_CUDA_FAILED, "a product of cuBLAS", 0) : 0;
}

/* Slots: arrays of the program, inputs, then outputs. */
static int walk(const struct run *r, int number, const uint64_t *slots, uint64_t arena) {
  const struct program *program = &programs[number];
  NAME_cuda *a = r->a;
  int i, j, code = 0;
  for (i = program->first; !code && i < program->first + program->steps; ++i) {
    const struct step *step = &steps[i];
    uint64_t values[MOST_ARGS];
    void *pointers[MOST_ARGS];
    for (j = 0; j < step->args; ++j) {
      const struct place *place = &places[step->first + j];
      values[j] = place->offset + (place->kind == 0   ? slots[place->index]
                                   : place->kind == 1 ? slots[program->inputs + place->index]
                                   : place->kind == 2 ? arena
                                   : place->kind == 3 ? a->constants + (uint64_t)place->index
                                                      : r->workspace);
      pointers[j] = &values[j];
    }
    switch (step->kind) {
    case 0:
      TRY(a, NAME_CUDA_FAILED, LAUNCH,
          (void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *, void **, void **),
          (a->functions[step->number], step->blocks, 1, 1, step->threads, 1, 1, 0, r->stream, pointers, NULL));
      break;
    case 1: code = scan(r, &controls[step->number], values); break;
    case 2: code = whileLoop(r, &controls[step->number], values); break;
    case 3: code = branch(r, &controls[step->number], values); break;
    default:
      if (a->handle) { /* instead of the steps that follow */
        code = multiply(r, &products[step->number], values);
        i += (int)step->threads;
      }
    }
  }
  return code;
}

/* Arrays: inputs, then outputs. */
static int enqueue(NAME_cuda *a, const struct plan *plan, const uint64_t *arrays, uint64_t workspace, void *stream) {
  struct run run;
  int i, code;
  if ((code = current(a)) != 0)
    return code;
  for (i = 0; i < plan->arrays; ++i)
    if (!arrays[i] || arrays[i] % 16)
      return failed(a, NAME_CUDA_BAD_ARRAY, "an array is NULL or not aligned to 16 bytes", 0);
  if (plan->workspace && (!workspace || workspace % 256))
    return failed(a, NAME_CUDA_BAD_ARRAY, "the workspace is NULL or not aligned to 256 bytes", 0);
  run.a = a;
  run.workspace = workspace;
  run.stream = stream ? stream : a->stream;
  if (plan->statuses)
    TRY(a, NAME_CUDA_FAILED, FILL, (uint64_t, unsigned char, size_t, void *),
        (workspace + plan->status, 0, 16 * (size_t)plan->statuses, run.stream));
  return walk(&run, plan->program, arrays, workspace);
}

static int check(NAME_cuda *a, const struct plan *plan, uint64_t workspace, void *stream) {
  int64_t values[2 * MOST_STATUSES + 2] = {0};
  int i, code;
  if ((code = current(a)) != 0)
    return code;
  if (!stream)
    stream = a->stream;
  if (plan->statuses)
    TRY(a, NAME_CUDA_FAILED, TO_HOST, (void *, uint64_t, size_t, void *),
        (values, workspace + plan->status, 16 * (size_t)plan->statuses, stream));
  TRY(a, NAME_CUDA_FAILED, WAIT, (void *), (stream));
  for (i = 0; i < plan->statuses; ++i)
    if (values[2 * i])
      return failed(a, NAME_CUDA_STEP_FAILED, failures[plan->failure + i], 0);
  return 0;
}

static int onHost(NAME_cuda *a, const struct plan *plan, const void *const *inputs, void *const *outputs) {
  uint64_t arrays[MOST_ARRAYS + 1] = {0}, workspace = 0;
  int i, code, result = 0;
  if ((code = current(a)) != 0)
    return code;
  for (i = 0; !result && i < plan->arrays; ++i)
    result = CALL(a, ALLOC, (uint64_t *, size_t))(&arrays[i], bytes[plan->firstArray + i] ? bytes[plan->firstArray + i] : 1);
  if (!result && plan->workspace)
    result = CALL(a, ALLOC, (uint64_t *, size_t))(&workspace, plan->workspace);
  for (i = 0; !result && i < plan->inputs; ++i)
    if (bytes[plan->firstArray + i])
      result = CALL(a, TO_DEVICE, (uint64_t, const void *, size_t, void *))(arrays[i], inputs[i], bytes[plan->firstArray + i], a->stream);
  code = result ? failed(a, NAME_CUDA_FAILED, "memory for a call on host arrays", result)
                : enqueue(a, plan, arrays, workspace, a->stream);
  for (i = plan->inputs; !code && i < plan->arrays; ++i)
    if (bytes[plan->firstArray + i] &&
        (result = CALL(a, TO_HOST, (void *, uint64_t, size_t, void *))(outputs[i - plan->inputs], arrays[i], bytes[plan->firstArray + i], a->stream)) != 0)
      code = failed(a, NAME_CUDA_FAILED, "cuMemcpyDtoHAsync", result);
  if (!code)
    code = check(a, plan, workspace, a->stream);
  else
    CALL(a, WAIT, (void *))(a->stream);
  for (i = 0; i < plan->arrays; ++i)
    if (arrays[i])
      CALL(a, FREE, (uint64_t))(arrays[i]);
  if (workspace)
    CALL(a, FREE, (uint64_t))(workspace);
  return code;
}
)";

} // namespace diptych::aot
