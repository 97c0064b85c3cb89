// Tensors as text: nested brackets, aligned, the middle of large ones left out.
#include <diptych/Tensor.h>

#include "frontend/TensorImpl.h"

#include <algorithm>
#include <cstdio>

namespace diptych {

namespace {

constexpr int64_t kSummarizeAbove = 1000;
constexpr int64_t kEdge = 3;

class Printer {
public:
  Printer(const TensorImpl& tensor, int precision)
      : tensor_(tensor), precision_(precision), summarizes_(tensor.type.numel() > kSummarizeAbove) {
  }

  std::string text() {
    visit(0, tensor_.data(),
          [&](const std::string& element) { width_ = std::max(width_, element.size()); });
    append(0, tensor_.data());
    return std::move(text_);
  }

private:
  const Shape& shape() const { return tensor_.type.shape; }

  std::string element(const std::byte* at) const {
    char buffer[64];
    switch (tensor_.type.dtype) {
    case DType::f32:
      std::snprintf(buffer, sizeof buffer, "%.*g", precision_,
                    static_cast<double>(*reinterpret_cast<const float*>(at)));
      break;
    case DType::f64:
      std::snprintf(buffer, sizeof buffer, "%.*g", precision_,
                    *reinterpret_cast<const double*>(at));
      break;
    case DType::bf16:
      std::snprintf(buffer, sizeof buffer, "%.*g", precision_,
                    static_cast<double>(*reinterpret_cast<const bfloat16*>(at)));
      break;
    case DType::f16:
      std::snprintf(buffer, sizeof buffer, "%.*g", precision_,
                    static_cast<double>(*reinterpret_cast<const float16*>(at)));
      break;
    case DType::i32: return std::to_string(*reinterpret_cast<const int32_t*>(at));
    case DType::i64: return std::to_string(*reinterpret_cast<const int64_t*>(at));
    case DType::boolean: return *at != std::byte{0} ? "true" : "false";
    }
    return buffer;
  }

  const std::byte* at(int axis, const std::byte* base, int64_t index) const {
    return base + index * tensor_.strides()[axis] * sizeOf(tensor_.type.dtype);
  }

  // Positions of an axis that are shown; -1 stands for those left out.
  std::vector<int64_t> positions(int axis) const {
    const int64_t extent = shape()[axis];
    std::vector<int64_t> result;
    for (int64_t i = 0; i < extent; ++i) {
      if (summarizes_ && i == kEdge && extent > 2 * kEdge) {
        result.push_back(-1);
        i = extent - kEdge;
      }
      result.push_back(i);
    }
    return result;
  }

  template <class Use> void visit(int axis, const std::byte* base, Use&& use) const {
    if (axis == shape().size())
      return use(element(base));
    for (int64_t position : positions(axis))
      if (position >= 0)
        visit(axis + 1, at(axis, base, position), use);
  }

  void append(int axis, const std::byte* base) {
    if (axis == shape().size()) {
      const std::string number = element(base);
      text_.append(width_ - number.size(), ' ');
      text_ += number;
      return;
    }
    const int inner = shape().size() - axis - 1;
    text_ += '[';
    bool isFirst = true;
    for (int64_t position : positions(axis)) {
      if (!isFirst)
        separate(axis, inner);
      isFirst = false;
      if (position < 0)
        text_ += "...";
      else
        append(axis + 1, at(axis, base, position));
    }
    text_ += ']';
  }

  // Rows on lines of their own, a blank line between matrices.
  void separate(int axis, int inner) {
    text_ += ',';
    if (inner == 0) {
      text_ += ' ';
      return;
    }
    text_.append(static_cast<size_t>(inner), '\n');
    text_.append(static_cast<size_t>(axis) + 1, ' ');
  }

  const TensorImpl& tensor_;
  const int precision_;
  const bool summarizes_;
  size_t width_ = 0;
  std::string text_;
};

} // namespace

std::ostream& operator<<(std::ostream& os, const Tensor& x) {
  if (!x.defined())
    return os << "empty tensor";
  const TensorImpl* tensor = findTensor(x.value());
  if (!tensor)
    return os << "traced " << x.type();
  const Value here = movedTo(x.value(), false);
  os << Printer(eagerTensor(here), static_cast<int>(os.precision())).text();
  return x.rank() == 0 ? os : os << ' ' << x.type();
}

} // namespace diptych
