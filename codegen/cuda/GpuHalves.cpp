// Looks for conversions around products, convolutions and what goes along an axis.
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

/// What a call reads and stores, over loops of such extents; without extents, memory is walked in a
/// way that an Access does not tell.
struct Uses {
  std::vector<int64_t> extents;
  std::vector<Access*> operands;
  Access* result = nullptr;
  int64_t elements = 0; // of the result; 0: it stays as it is
};

class Halves {
public:
  Halves(Schedule& schedule, bool contract) : schedule_(schedule), contract_(contract) {}

  void run() {
    for (size_t i = 0; i < schedule_.calls.size(); ++i) {
      ScheduledCall& call = schedule_.calls[i];
      if (!call.isKernel() || !call.offsets.empty())
        continue;
      if (auto* product = std::get_if<MatmulSpec>(&call.kernel.what))
        read(i, *product);
      else if (auto* convolution = std::get_if<ConvolutionSpec>(&call.kernel.what))
        read(i, *convolution);
      else if (auto* cumulative = std::get_if<CumulativeSpec>(&call.kernel.what))
        read(i, *cumulative);
    }
    dropCopies();
  }

private:
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

  //===-- What reads
  //----------------------------------------------------------------------------===//

  void read(size_t i, MatmulSpec& spec) {
    if (spec.dtype != DType::f32 || !spec.lines.empty())
      return;
    Uses uses{{spec.batch.value, spec.s.value, spec.v.value, spec.k.value},
              {&spec.left, &spec.right},
              &spec.result};
    if (!spec.rangeOverBlocks)
      uses.elements = spec.batch.value * spec.s.value * spec.v.value;
    const bool large = contract_ && !spec.rangeOverBlocks && isLarge(spec);
    if (!large)
      return readAndStore(i, uses);
    const auto left = sourceOf(i, spec.left, uses), right = sourceOf(i, spec.right, uses);
    if (left && right && left->access.dtype == right->access.dtype)
      readAndStore(i, uses, left->access.dtype);
  }

  void read(size_t i, ConvolutionSpec& spec) {
    if (spec.dtype != DType::f32)
      return;
    Access left{0, spec.dtype, {}}, right{1, spec.dtype, {}}, result{2, spec.dtype, {}};
    Uses uses{{}, {&left, &right}, &result};
    if (!spec.rangeOverBlocks)
      uses.elements = planned(bufferOf(i, result)).bytes / sizeOf(spec.dtype);
    readAndStore(i, uses);
    const auto set = [](std::optional<DType>& type, const Access& access) {
      if (isHalf(access.dtype))
        type = access.dtype;
    };
    set(spec.leftType, left);
    set(spec.rightType, right);
    set(spec.resultType, result);
  }

  void read(size_t i, CumulativeSpec& spec) {
    if (spec.from[0].dtype != DType::f32)
      return;
    Uses uses;
    uses.elements = spec.to.dtype == DType::f32;
    for (const Size& extent : spec.extents) {
      uses.extents.push_back(extent.value);
      uses.elements *= extent.value;
    }
    for (Access& from : spec.from)
      uses.operands.push_back(&from);
    uses.result = &spec.to;
    readAndStore(i, uses);
  }

  //===-- What it reads
  //-------------------------------------------------------------------------===//

  /// The array of 16 bits whose copy a call reads.
  struct Source {
    int buffer;
    Access access;
  };
  std::optional<Source> sourceOf(size_t reader, const Access& use, const Uses& uses) const {
    const int copy = bufferOf(reader, use);
    std::optional<size_t> writer;
    for (size_t i = 0; i < reader; ++i)
      if (isTouched(copy, i, i + 1, true)) {
        if (writer)
          return std::nullopt;
        writer = i;
      }
    const auto made = writer ? conversionOf(schedule_.calls[*writer]) : std::nullopt;
    if (!made || !isHalf(made->from->dtype) || made->to->dtype != DType::f32 ||
        isTouched(bufferOf(*writer, *made->from), *writer, reader, true))
      return std::nullopt;
    const auto seen = seenThrough(*made, *made->to, *made->from, use, uses);
    if (!seen)
      return std::nullopt;
    return Source{bufferOf(*writer, *made->from), *seen};
  }

  static std::optional<Access> seenThrough(const Conversion& conversion, const Access& inner,
                                           const Access& outer, const Access& use,
                                           const Uses& uses) {
    if (uses.extents.empty() && !sameStrides(inner, outer))
      return std::nullopt;
    return through(*conversion.nest, inner, outer, use, uses.extents);
  }

  void readAndStore(size_t i, Uses& uses, std::optional<DType> wanted = std::nullopt) {
    ScheduledCall& call = schedule_.calls[i];
    std::vector<std::optional<Source>> sources;
    for (const Access* operand : uses.operands)
      sources.push_back(sourceOf(i, *operand, uses));
    for (size_t k = 0; k < sources.size(); ++k)
      if (sources[k]) {
        *uses.operands[k] = sources[k]->access;
        call.buffers[static_cast<size_t>(sources[k]->access.arg)] = sources[k]->buffer;
      }
    if (uses.elements != 0)
      storeRounded(i, uses, wanted);
    call.bytes = 0;
    for (int buffer : call.buffers)
      call.bytes += static_cast<double>(planned(buffer).bytes);
  }

  /// `wanted`: no other type will do.
  void storeRounded(size_t i, Uses& uses, std::optional<DType> wanted) {
    const int result = bufferOf(i, *uses.result);
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
    const auto seen = seenThrough(*rounds, *rounds->from, *rounds->to, *uses.result, uses);
    if (!seen || elements != uses.elements || isTouched(to, i, *user, false))
      return;
    *uses.result = *seen;
    schedule_.calls[i].buffers[static_cast<size_t>(seen->arg)] = to;
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
