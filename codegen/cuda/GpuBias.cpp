// Looks for products of two matrices and what reads them.
#include "codegen/cuda/GpuBias.h"

#include "codegen/cuda/GpuCalls.h"
#include "codegen/cuda/GpuLibrary.h"

#include <algorithm>

namespace diptych::codegen::cuda {

namespace {

/// y[i, j] = x[i, j] + b[j], or relu of that, in lines of a nest.
struct BiasLines {
  const Access *product = nullptr, *bias = nullptr;
  bool relu = false;
};

std::optional<BiasLines> biasLinesOf(const NestSpec& nest) {
  if (!nest.folds.empty() || nest.stores.size() != 1 || nest.extents.size() != 2 ||
      nest.lines.size() < 3 || nest.lines.size() > 4 ||
      nest.stores[0].line != static_cast<int>(nest.lines.size()) - 1)
    return std::nullopt;
  auto *x = std::get_if<Line::Load>(&nest.lines[0].what),
       *y = std::get_if<Line::Load>(&nest.lines[1].what);
  auto* sum = std::get_if<Line::Apply>(&nest.lines[2].what);
  if (!x || !y || !sum || sum->code != OpCode::Add || sum->operands[0] == sum->operands[1] ||
      nest.lines[2].dtype != x->from.dtype || x->from.dtype != y->from.dtype)
    return std::nullopt;
  BiasLines found;
  if (nest.lines.size() == 4) {
    auto* last = std::get_if<Line::Apply>(&nest.lines[3].what);
    if (!last || last->code != OpCode::Relu || last->operands[0] != 2)
      return std::nullopt;
    found.relu = true;
  }
  const auto isBias = [](const Access& access) {
    return access.strides[0].is(0) && access.strides[1].is(1);
  };
  found.bias = isBias(x->from) ? &x->from : &y->from;
  found.product = isBias(x->from) ? &y->from : &x->from;
  return isBias(*found.bias) && !isBias(*found.product) ? std::optional(found) : std::nullopt;
}

/// Rows of n elements, one after the other.
bool isRows(const Access& access, size_t row, size_t column, int64_t n) {
  return access.strides[row].is(n) && access.strides[column].is(1);
}

class Biases {
public:
  explicit Biases(Schedule& schedule, bool contract) : schedule_(schedule), contract_(contract) {}

  void run() {
    std::vector<bool> gone(schedule_.calls.size());
    for (size_t i = 0; i < schedule_.calls.size(); ++i)
      if (const std::optional<size_t> user = onlyUser(i, gone))
        gone[i] = join(schedule_.calls[i], schedule_.calls[*user]);
    dropCalls(schedule_, gone);
  }

private:
  static const MatmulSpec* productOf(const ScheduledCall& call) {
    auto* product = call.isKernel() ? std::get_if<MatmulSpec>(&call.kernel.what) : nullptr;
    return product && product->batch.is(1) && product->lines.empty() && !product->bias &&
                   !product->rangeOverBlocks && call.offsets.empty()
               ? product
               : nullptr;
  }

  std::optional<size_t> onlyUser(size_t i, const std::vector<bool>& gone) const {
    const MatmulSpec* product = productOf(schedule_.calls[i]);
    if (!product)
      return std::nullopt;
    const int result = schedule_.calls[i].buffers[static_cast<size_t>(product->result.arg)];
    return onlyUserOf(schedule_, i, result, gone);
  }

  /// Makes `user` the product with its bias.
  bool join(const ScheduledCall& call, ScheduledCall& user) const {
    const MatmulSpec& product = *productOf(call);
    auto* nest = user.isKernel() ? std::get_if<NestSpec>(&user.kernel.what) : nullptr;
    const auto lines = nest && user.offsets.empty() ? biasLinesOf(*nest) : std::nullopt;
    if (!lines)
      return false;
    const int64_t m = product.s.value, n = product.v.value;
    const Access& to = nest->stores[0].to;
    const int result = call.buffers[static_cast<size_t>(product.result.arg)];
    const auto bufferOf = [&](const Access& access) {
      return user.buffers[static_cast<size_t>(access.arg)];
    };
    if (!nest->extents[0].is(m) || !nest->extents[1].is(n) || (contract_ && isLarge(product)) ||
        bufferOf(*lines->product) != result || lines->product->dtype != product.dtype ||
        lines->product->offset != product.result.offset || to.dtype != product.dtype ||
        !isRows(*lines->product, 0, 1, n) || !isRows(product.result, 1, 2, n) ||
        !isRows(to, 0, 1, n))
      return false;
    MatmulSpec made = product;
    ScheduledCall joined = call;
    joined.buffers[static_cast<size_t>(product.result.arg)] = bufferOf(to);
    made.result.offset = to.offset;
    made.bias = *lines->bias;
    made.bias->arg = static_cast<int>(joined.buffers.size());
    made.bias->strides = {0, 0, 1, 0};
    made.relu = lines->relu;
    joined.buffers.push_back(bufferOf(*lines->bias));
    joined.kernel.what = made;
    joined.name += "+" + user.name;
    joined.flops += user.flops;
    joined.where = user.where;
    joined.bytes = 0;
    for (int buffer : joined.buffers)
      joined.bytes += static_cast<double>(schedule_.buffers[static_cast<size_t>(buffer)].bytes);
    user = std::move(joined);
    return true;
  }

  Schedule& schedule_;
  const bool contract_;
};

} // namespace

void addBiases(Schedule& schedule, bool contract) { Biases(schedule, contract).run(); }

} // namespace diptych::codegen::cuda
