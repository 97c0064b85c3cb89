// Steps in order; loops and branches on parts of the same arena. A carry lies in two buffers by
// turns, chosen so that the last step writes where the result belongs.
#include "runtime/Execution.h"

#include "runtime/ThreadPool.h"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace diptych::runtime {

Execution::Execution(const Program& program, std::byte* arena, int threads, StepRunner* runner)
    : program_(program), arena_(arena), threads_(threads), runner_(runner),
      slots_(program.inputs.size() + program.outputs.size()), parts_(program.steps.size()) {
  for (size_t i = 0; i < program.steps.size(); ++i) {
    const ProgramStep& step = program.steps[i];
    first_.push_back(args_.size());
    for (const ArgPlace& place : step.args)
      add(place);
    if (!step.control)
      continue;
    const ControlStep& control = *step.control;
    // Arenas of parts are always temporaries: their places are known already.
    void* const* arenas = args_.data() + args_.size() - 3;
    Parts& parts = parts_[i];
    const auto partOf = [&](const Program& part, void* memory) {
      return std::make_unique<Execution>(part, static_cast<std::byte*>(memory), threads, runner);
    };
    parts.body = partOf(*control.body, arenas[0]);
    if (control.other)
      parts.other = partOf(*control.other, arenas[1]);
    parts.carry.resize(control.carry);
  }
  first_.push_back(args_.size());
  size_t lanes = 0;
  for (const RowGroup& group : program.rowGroups) {
    if (group.laneRowBytes == 0)
      continue;
    laneArgCount_ =
        std::max(laneArgCount_, first_[group.first + group.count] - first_[group.first]);
    lanes = std::max(lanes, static_cast<size_t>(group.lanesOn(threads)));
  }
  laneArgs_.resize(lanes * laneArgCount_);
  begun_ = std::vector<std::atomic<int64_t>>(lanes);
}

void Execution::add(const ArgPlace& place) {
  const auto position = static_cast<size_t>(place.position);
  void* known = nullptr;
  switch (place.kind) {
  case ArgPlace::Kind::Input: patches_.push_back({args_.size(), position, place.offset}); break;
  case ArgPlace::Kind::Output:
    patches_.push_back({args_.size(), program_.inputs.size() + position, place.offset});
    break;
  case ArgPlace::Kind::Arena: known = arena_ + position + place.offset; break;
  case ArgPlace::Kind::Lane:
    locals_.push_back({args_.size(), place.position, place.rowBytes});
    break;
  case ArgPlace::Kind::Constant:
    known = (runner_ ? runner_->constant(*program_.constants[position])
                     : const_cast<std::byte*>(program_.constants[position]->bytes.data())) +
            place.offset;
    break;
  }
  args_.push_back(known);
}

// `after` is told of each step, or of the first of a group, when it is done.
template <class After> void Execution::walk(const After& after) {
  for (const Patch& patch : patches_)
    args_[patch.arg] = static_cast<std::byte*>(slots_[patch.slot]) + patch.offset;
  auto group = program_.rowGroups.begin();
  for (size_t i = 0; i < program_.steps.size(); ++i) {
    if (!runner_ && group != program_.rowGroups.end() && i == group->first) {
      runRows(*group);
      after(i);
      i += group->count - 1;
      ++group;
      continue;
    }
    const ProgramStep& step = program_.steps[i];
    void* const* args = args_.data() + first_[i];
    if (step.control)
      runControl(*step.control, args, parts_[i]);
    else if (runner_)
      runner_->kernel(step, args);
    else
      runKernel(step, args);
    after(i);
  }
}

void Execution::run() {
  walk([](size_t) {});
}

std::vector<double> Execution::profile() {
  using Clock = std::chrono::steady_clock;
  std::vector<double> seconds(program_.steps.size());
  auto last = Clock::now();
  walk([&](size_t step) {
    const auto now = Clock::now();
    seconds[step] = std::chrono::duration<double>(now - last).count();
    last = now;
  });
  return seconds;
}

// Each piece of the rows walks through all steps, a chunk at a time.
void Execution::runRows(const RowGroup& group) {
  if (group.laneRowBytes > 0)
    return runLanes(group);
  auto piece = [&](int64_t lo, int64_t hi) {
    for (int64_t begin = lo; begin < hi; begin += group.chunk)
      runChunk(group, args_.data() + first_[group.first], begin, std::min(hi, begin + group.chunk));
  };
  if (group.rows < 2 * group.grain)
    piece(0, group.rows);
  else
    ThreadPool::global().parallelFor(group.rows, group.grain, piece);
}

void Execution::runChunk(const RowGroup& group, void* const* args, int64_t begin, int64_t end) {
  for (size_t i = group.first; i < group.first + group.count; ++i) {
    const ProgramStep& step = program_.steps[i];
    const int64_t each = step.range / group.rows;
    step.kernel(args + (first_[i] - first_[group.first]), nullptr, begin * each, end * each);
  }
}

/// Where a lane's share of the pieces begins.
static int64_t shareOf(const RowGroup& group, int64_t lane, int64_t lanes) {
  const int64_t rows = group.pieceOf(lanes);
  return (group.rows + rows - 1) / rows * lane / lanes;
}

// Each lane begins with a share of its own, since threads that write side by side fetch each
// other's lines, and then helps the others: one that is held up leaves them what it has not begun.
void Execution::runLanes(const RowGroup& group) {
  const int64_t lanes = group.lanesOn(threads_);
  for (int64_t lane = 0; lane < lanes; ++lane)
    begun_[static_cast<size_t>(lane)].store(shareOf(group, lane, lanes), std::memory_order_relaxed);
  ThreadPool::global().parallelFor(lanes, 1, [&](int64_t lo, int64_t hi) {
    for (int64_t lane = lo; lane < hi; ++lane)
      runLane(group, lane, lanes);
  });
}

// A kernel finds row r at r * rowBytes from what it is given, which therefore may lie before the
// memory that it touches.
void Execution::runLane(const RowGroup& group, int64_t lane, int64_t lanes) {
  const size_t from = first_[group.first], to = first_[group.first + group.count];
  const auto local = std::lower_bound(locals_.begin(), locals_.end(), from,
                                      [](const Local& a, size_t arg) { return a.arg < arg; });
  void** args = laneArgs_.data() + static_cast<size_t>(lane) * laneArgCount_;
  std::copy(args_.data() + from, args_.data() + to, args);
  const auto memory = reinterpret_cast<uintptr_t>(arena_) +
                      static_cast<uintptr_t>(group.lanesAt + lane * group.laneBytes(lanes));
  const int64_t rows = group.pieceOf(lanes);
  for (int64_t i = 0; i < lanes; ++i) {
    const int64_t share = (lane + i) % lanes, end = shareOf(group, share + 1, lanes);
    std::atomic<int64_t>& begun = begun_[static_cast<size_t>(share)];
    for (int64_t piece; (piece = begun.fetch_add(1, std::memory_order_relaxed)) < end;) {
      const int64_t begin = piece * rows;
      for (auto it = local; it != locals_.end() && it->arg < to; ++it)
        args[it->arg - from] = reinterpret_cast<void*>(
            memory + static_cast<uintptr_t>(it->position * rows - begin * it->rowBytes));
      runChunk(group, args, begin, std::min(group.rows, begin + rows));
    }
  }
}

void Execution::runControl(const ControlStep& control, void* const* args, Parts& parts) {
  switch (control.kind) {
  case ControlStep::Kind::scan: return runScan(control, args, parts);
  case ControlStep::Kind::whileLoop: return runWhile(control, args, parts);
  case ControlStep::Kind::cond: return runCond(control, args, parts);
  }
}

static void* rowOf(void* stack, int64_t row, int64_t bytes) {
  return static_cast<std::byte*>(stack) + row * bytes;
}

void Execution::copy(void* to, const void* from, int64_t bytes) {
  if (to == from || bytes == 0)
    return;
  if (runner_)
    runner_->copy(to, from, bytes);
  else
    std::memcpy(to, from, static_cast<size_t>(bytes));
}

bool Execution::holds(const void* predicate) {
  return runner_ ? runner_->holds(predicate)
                 : *static_cast<const std::byte*>(predicate) != std::byte{0};
}

void Execution::runScan(const ControlStep& scan, void* const* args, Parts& parts) {
  const size_t m = scan.carry, ys = scan.results - m;
  void* const* init = args + scan.consts;
  void* const* xs = init + m;
  void* const* results = xs + scan.xs;
  void* const* second = results + scan.results;
  void** inputs = parts.body->inputs();
  void** outputs = parts.body->outputs();
  std::copy(args, args + scan.consts, inputs);
  std::copy(init, init + m, parts.carry.begin());
  inputs += scan.consts;
  for (int64_t step = 0; step < scan.length; ++step) {
    const int64_t left = scan.length - 1 - step, row = scan.reverse ? left : step;
    void* const* to = left % 2 == 0 ? results : second;
    for (size_t i = 0; i < m; ++i) {
      inputs[i] = parts.carry[i];
      parts.carry[i] = outputs[i] = to[i];
    }
    for (size_t i = 0; i < scan.xs; ++i)
      inputs[m + i] = rowOf(xs[i], row, scan.xBytes[i]);
    for (size_t i = 0; i < ys; ++i)
      outputs[m + i] = rowOf(results[m + i], row, scan.yBytes[i]);
    parts.body->run();
  }
  for (size_t i = 0; i < m; ++i)
    copy(results[i], parts.carry[i], scan.carryBytes[i]);
}

void Execution::runWhile(const ControlStep& loop, void* const* args, Parts& parts) {
  const size_t m = loop.carry;
  void* const* init = args + loop.consts;
  void* const* results = init + m;
  void* const* second = results + m;
  void* predicate = second[m + 2];
  std::copy(init, init + m, parts.carry.begin());
  for (Execution* part : {parts.body.get(), parts.other.get()})
    std::copy(args, args + loop.consts, part->inputs());
  *parts.other->outputs() = predicate;
  for (int64_t step = 0; step != loop.length; ++step) {
    std::copy(parts.carry.begin(), parts.carry.end(), parts.other->inputs() + loop.consts);
    parts.other->run();
    if (!holds(predicate))
      break;
    std::copy(parts.carry.begin(), parts.carry.end(), parts.body->inputs() + loop.consts);
    void* const* to = step % 2 == 0 ? results : second;
    std::copy(to, to + m, parts.body->outputs());
    std::copy(to, to + m, parts.carry.begin());
    parts.body->run();
  }
  for (size_t i = 0; i < m; ++i)
    copy(results[i], parts.carry[i], loop.carryBytes[i]);
}

void Execution::runCond(const ControlStep& cond, void* const* args, Parts& parts) {
  Execution& part = holds(args[0]) ? *parts.body : *parts.other;
  void* const* results = args + 1 + cond.xs;
  std::copy(args + 1, results, part.inputs());
  std::copy(results, results + cond.results, part.outputs());
  part.run();
}

} // namespace diptych::runtime
