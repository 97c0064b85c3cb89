// Shapes, element types and errors: printing and list handling.
#include <diptych/Types.h>

#include <bit>
#include <cstring>

namespace diptych {

namespace {
std::string located(const SourceLocation& where, const std::string& message) {
  if (!where.known())
    return message;
  const char* slash = std::strrchr(where.file, '/');
  return std::string(slash ? slash + 1 : where.file) + ":" + std::to_string(where.line) + ": " +
         message;
}
} // namespace

Error::Error(const SourceLocation& where, const std::string& message)
    : std::runtime_error(located(where, message)), where_(where) {}

const char* name(DType dtype) {
  constexpr std::array<const char*, kDTypeCount> names{"f32",     "f64",  "i32", "i64",
                                                       "boolean", "bf16", "f16"};
  return names[static_cast<size_t>(dtype)];
}

Dims::Dims(std::initializer_list<int64_t> values)
    : Dims(std::span<const int64_t>(values.begin(), values.size())) {}

Dims::Dims(std::span<const int64_t> values) {
  for (int64_t value : values)
    push_back(value);
}

Dims::Dims(int64_t count, int64_t value) {
  for (int64_t i = 0; i < count; ++i)
    push_back(value);
}

void Dims::push_back(int64_t value) {
  if (size_ == kMaxRank)
    throw Error("a tensor has at most " + std::to_string(kMaxRank) +
                " dimensions; one more was asked for: reshape to merge some");
  values_[size_++] = value;
}

void Dims::insert(int64_t position, int64_t value) {
  push_back(value);
  for (int i = size_ - 1; i > position; --i)
    values_[i] = values_[i - 1];
  values_[position] = value;
}

void Dims::erase(int64_t position) {
  for (int i = static_cast<int>(position); i + 1 < size_; ++i)
    values_[i] = values_[i + 1];
  --size_;
}

bool Dims::contains(int64_t value) const {
  for (int64_t entry : *this)
    if (entry == value)
      return true;
  return false;
}

int64_t Dims::product() const {
  int64_t result = 1;
  for (int64_t value : *this)
    result *= value;
  return result;
}

std::string Dims::str() const {
  std::string text = "[";
  for (int i = 0; i < size_; ++i)
    text += (i ? "," : "") + std::to_string(values_[i]);
  return text + "]";
}

std::string TensorType::str() const { return name(dtype) + shape.str(); }

// Compares bits, so that NaN equals itself and -0.0 differs from 0.0.
bool operator==(const Scalar& a, const Scalar& b) {
  return a.isInteger == b.isInteger && a.integer == b.integer &&
         std::bit_cast<uint64_t>(a.floating) == std::bit_cast<uint64_t>(b.floating);
}

Dims contiguousStrides(const Shape& shape) {
  Dims strides(shape.size(), 1);
  for (int i = shape.size() - 2; i >= 0; --i)
    strides[i] = strides[i + 1] * shape[i + 1];
  return strides;
}

std::ostream& operator<<(std::ostream& os, DType dtype) { return os << name(dtype); }
std::ostream& operator<<(std::ostream& os, const Dims& dims) { return os << dims.str(); }
std::ostream& operator<<(std::ostream& os, const TensorType& type) { return os << type.str(); }

} // namespace diptych
