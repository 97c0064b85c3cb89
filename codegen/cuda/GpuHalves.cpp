// Looks for conversions around products.
#include "codegen/cuda/GpuHalves.h"

#include "codegen/cuda/GpuLibrary.h"

#include <algorithm>

namespace diptych::codegen::cuda {

namespace {

using Kind = PlannedBuffer::Kind;

/// A call that converts an array and does nothing else.
struct Conversion {
  const NestSpec* nest = nullptr;
  const Access *from = nullptr, *to = nullptr;
};

std::optional<Conversion> conversionOf(const ScheduledCall& call) {
  auto* nest = call.isKernel() ? std::get_if<NestSpec>(&call.kernel.what) : nullptr;
  if (!nest || !call.offsets.empty() || !nest->folds.empty() || nest->lines.size() != 2 ||
      nest->stores.size() != 1 || nest->stores[0].line != 1)
    return std::nullopt;
  auto* load = std::get_if<Line::Load>(&nest->lines[0].what);
  auto* apply = std::get_if<Line::Apply>(&nest->lines[1].what);
  if (!load || !apply || apply->code != OpCode::Convert)
    return std::nullopt;
  return Conversion{nest, &load->from, &nest->stores[0].to};
}

bool sameStrides(const Access& a, const Access& b) {
  return a.strides == b.strides && a.offset == b.offset;
}

/// `use` of the array that the nest accesses as `inner`, of what it accesses as `outer`.
std::optional<Access> through(const NestSpec& nest, const Access& inner, const Access& outer,
                              const Access& use, const std::vector<int64_t>& extents) {
  Access seen = use;
  seen.dtype = outer.dtype;
  if (sameStrides(inner, outer))
    return seen;
  if (!(use.offset == inner.offset))
    return std::nullopt;
  seen.offset = outer.offset;
  for (size_t loop = 0; loop < extents.size(); ++loop) {
    seen.strides[loop] = 0;
    if (extents[loop] == 1 || use.strides[loop].is(0))
      continue;
    size_t same = 0;
    while (same < nest.extents.size() &&
           !(nest.extents[same].is(extents[loop]) && inner.strides[same] == use.strides[loop]))
      ++same;
    if (same == nest.extents.size())
      return std::nullopt;
    seen.strides[loop] = outer.strides[same];
  }
  return seen;
}

class Halves {
public:
  Halves(Schedule& schedule, bool contract) : schedule_(schedule), contract_(contract) {}

  void run() {
    for (size_t i = 0; i < schedule_.calls.size(); ++i)
      if (ScheduledCall& call = schedule_.calls[i]; isProduct(call))
        readAndStore(i, call, std::get<MatmulSpec>(call.kernel.what));
    dropCopies();
  }

private:
  static bool isProduct(const ScheduledCall& call) {
    auto* product = call.isKernel() ? std::get_if<MatmulSpec>(&call.kernel.what) : nullptr;
    return product && product->dtype == DType::f32 && product->lines.empty() &&
           call.offsets.empty();
  }
  static std::vector<int64_t> extentsOf(const MatmulSpec& spec) {
    return {spec.batch.value, spec.s.value, spec.v.value, spec.k.value};
  }
  static bool mayWrite(const ScheduledCall& call, size_t arg) {
    return !call.isKernel() || writes(call.kernel, arg);
  }

  int bufferOf(size_t call, const Access& access) const {
    return schedule_.calls[call].buffers[static_cast<size_t>(access.arg)];
  }
  const PlannedBuffer& planned(int buffer) const {
    return schedule_.buffers[static_cast<size_t>(buffer)];
  }
  bool isTouched(int buffer, size_t begin, size_t end, bool byWriting) const {
    for (size_t i = begin; i < end; ++i) {
      const ScheduledCall& call = schedule_.calls[i];
      for (size_t arg = 0; arg < call.buffers.size(); ++arg)
        if (call.buffers[arg] == buffer && (!byWriting || mayWrite(call, arg)))
          return true;
    }
    return false;
  }

  /// The array of 16 bits whose copy a product reads.
  struct Source {
    int buffer;
    Access access;
  };
  std::optional<Source> sourceOf(size_t product, const Access& use) const {
    const auto& spec = std::get<MatmulSpec>(schedule_.calls[product].kernel.what);
    const int copy = bufferOf(product, use);
    std::optional<size_t> writer;
    for (size_t i = 0; i < product; ++i)
      if (isTouched(copy, i, i + 1, true)) {
        if (writer)
          return std::nullopt;
        writer = i;
      }
    const auto made = writer ? conversionOf(schedule_.calls[*writer]) : std::nullopt;
    if (!made || !isHalf(made->from->dtype) || made->to->dtype != DType::f32 ||
        isTouched(bufferOf(*writer, *made->from), *writer, product, true))
      return std::nullopt;
    const auto seen = through(*made->nest, *made->to, *made->from, use, extentsOf(spec));
    if (!seen)
      return std::nullopt;
    return Source{bufferOf(*writer, *made->from), *seen};
  }

  void readAndStore(size_t i, ScheduledCall& call, MatmulSpec& spec) {
    const std::optional<Source> left = sourceOf(i, spec.left), right = sourceOf(i, spec.right);
    const bool large = contract_ && !spec.rangeOverBlocks && isLarge(spec);
    const bool alike = left && right && left->access.dtype == right->access.dtype;
    if (large && !alike)
      return;
    const auto take = [&](const std::optional<Source>& source, Access& access) {
      if (!source)
        return;
      access = source->access;
      call.buffers[static_cast<size_t>(access.arg)] = source->buffer;
    };
    take(left, spec.left);
    take(right, spec.right);
    if (!spec.rangeOverBlocks)
      storeRounded(i, call, spec, large ? std::optional(left->access.dtype) : std::nullopt);
    call.bytes = 0;
    for (int buffer : call.buffers)
      call.bytes += static_cast<double>(planned(buffer).bytes);
  }

  /// `wanted`: no other type will do.
  void storeRounded(size_t i, ScheduledCall& call, MatmulSpec& spec, std::optional<DType> wanted) {
    const int result = bufferOf(i, spec.result);
    std::optional<size_t> user;
    for (size_t other = 0; other < schedule_.calls.size(); ++other) {
      if (other == i || !isTouched(result, other, other + 1, false))
        continue;
      if (user || other < i)
        return;
      user = other;
    }
    const auto rounds = user ? conversionOf(schedule_.calls[*user]) : std::nullopt;
    if (planned(result).kind != Kind::Temporary || !rounds || !isHalf(rounds->to->dtype) ||
        (wanted && rounds->to->dtype != *wanted))
      return;
    const int to = bufferOf(*user, *rounds->to);
    int64_t elements = 1;
    for (const Size& extent : rounds->nest->extents)
      elements *= extent.value;
    const auto seen =
        through(*rounds->nest, *rounds->from, *rounds->to, spec.result, extentsOf(spec));
    if (!seen || elements != spec.batch.value * spec.s.value * spec.v.value ||
        isTouched(to, i, *user, false))
      return;
    spec.result = *seen;
    call.buffers[static_cast<size_t>(seen->arg)] = to;
    gone_.push_back(*user);
  }

  /// Conversions that a product does, and those whose result nobody reads any more.
  void dropCopies() {
    std::vector<ScheduledCall> left;
    for (size_t i = 0; i < schedule_.calls.size(); ++i) {
      const auto conversion = conversionOf(schedule_.calls[i]);
      bool drop = std::find(gone_.begin(), gone_.end(), i) != gone_.end();
      if (conversion && !drop) {
        const int to = bufferOf(i, *conversion->to);
        drop = planned(to).kind == Kind::Temporary && !isTouched(to, 0, i, false) &&
               !isTouched(to, i + 1, schedule_.calls.size(), false);
      }
      kept_.push_back(!drop);
    }
    for (size_t i = 0; i < kept_.size(); ++i)
      if (kept_[i])
        left.push_back(std::move(schedule_.calls[i]));
    schedule_.calls = std::move(left);
  }

  Schedule& schedule_;
  const bool contract_;
  std::vector<size_t> gone_;
  std::vector<bool> kept_;
};

} // namespace

void readHalves(Schedule& schedule, bool contract) { Halves(schedule, contract).run(); }

} // namespace diptych::codegen::cuda
