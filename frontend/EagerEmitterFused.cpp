// Fused functions, and convolutions of padded images, as one: where the tape needs what is computed
// on the way, and on a device, operators run one by one.
#include <algorithm>

#include "frontend/EagerEmitter.h"
#include "ir/FusedTable.h"
#include "ir/TypeRules.h"

namespace diptych {

static bool runsAsOne(ValueSpan operands) {
  return std::all_of(operands.begin(), operands.end(), [](const Value& value) {
    const TensorImpl& tensor = eagerTensor(value);
    return !tensor.isOnDevice() && !(tensor.requiresGrad() && GradMode::enabled());
  });
}

// Row-major in the order of the axes of `like`.
static TensorImpl* laidOutAs(const TensorImpl& like) {
  const Shape& shape = like.type.shape;
  Dims axes, strides(shape.size(), 1);
  for (int a = 0; a < shape.size(); ++a)
    axes.push_back(a);
  std::stable_sort(axes.begin(), axes.end(), [&](int64_t a, int64_t b) {
    return std::abs(like.strides()[a]) > std::abs(like.strides()[b]);
  });
  int64_t stride = 1;
  for (int i = axes.size() - 1; i >= 0; --i) {
    strides[axes[i]] = stride;
    stride *= shape[axes[i]];
  }
  runtime::Buffer buffer = runtime::Buffer::allocate(like.type.bytes());
  std::byte* data = buffer.data();
  return new TensorImpl(like.type, std::move(buffer), data, strides);
}

Value EagerEmitter::convolution(const Value& x, const Attrs& pad, const Value& w,
                                const Attrs& attrs) {
  const Value operands[] = {x, w};
  if (isHalf(x.dtype()) || !runsAsOne(operands))
    return Emitter::convolution(x, pad, w, attrs);
  return located([&] {
    const TensorType padded = inferType(OpCode::Pad, {&x.type(), 1}, pad);
    const TensorType types[] = {padded, w.type()};
    auto* output = new TensorImpl(inferType(OpCode::Convolution, types, attrs));
    Value result(output);
    output->setHomeless(eagerTensor(x).isHomeless() && eagerTensor(w).isHomeless());
    runtime::launchConvolution(eagerTensor(x).strided(), &pad, eagerTensor(w).strided(), attrs,
                               output->strided());
    return result;
  });
}

Values EagerEmitter::fused(Fused code, ValueSpan operands, int64_t axis) {
  if (!runsAsOne(operands))
    return Emitter::fused(code, operands, axis);
  const FusedFunction& function = info(code);
  bool homeless = true;
  std::vector<runtime::Strided> in, out;
  for (const Value& operand : operands) {
    homeless &= eagerTensor(operand).isHomeless();
    in.push_back(eagerTensor(operand).strided());
  }
  Values results;
  for (int i = 0; i < function.forth.results; ++i) {
    auto* result = laidOutAs(eagerTensor(operands[static_cast<size_t>(function.back.operands())]));
    results.emplace_back(result);
    result->setHomeless(homeless);
    out.push_back(result->strided());
  }
  runtime::launchFused(code, in, axis, out);
  return results;
}

} // namespace diptych
