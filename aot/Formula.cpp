// The two readings of a formula, side by side.
#include "aot/Formula.h"

#include <bit>
#include <cmath>

namespace diptych::aot {

static std::string keyOf(const Extent& extent) {
  std::string text = "p";
  for (const auto& [dims, factor] : extent.terms()) {
    text += " " + std::to_string(factor);
    for (int dim : dims)
      text += "." + std::to_string(dim);
  }
  return text + ";";
}

static std::string keyOf(const SizedNumber& number) {
  std::string text = "n" + std::to_string(static_cast<int>(number.dtype)) + " " +
                     std::to_string(std::bit_cast<int64_t>(number.factor));
  for (const SizedNumber::Step& step : number.steps)
    text += (step.root ? "r" : "s") + std::to_string(static_cast<int>(step.op)) + keyOf(step.size);
  return text + ";";
}

Formula::Formula(Extent extent) {
  auto node = std::make_shared<Node>();
  node->key = keyOf(extent);
  node->extent = std::move(extent);
  node_ = std::move(node);
}

Formula::Formula(SizedNumber number) {
  auto node = std::make_shared<Node>();
  node->kind = Kind::number;
  node->key = keyOf(number);
  node->number = std::move(number);
  node_ = std::move(node);
}

Formula::Formula(Kind kind, std::vector<Formula> parts) {
  auto node = std::make_shared<Node>();
  node->kind = kind;
  node->key = "(" + std::to_string(static_cast<int>(kind));
  for (const Formula& part : parts)
    node->key += part.key();
  node->key += ")";
  node->parts = std::move(parts);
  node_ = std::move(node);
}

const Extent* Formula::extent() const {
  return node_->kind == Kind::extent ? &node_->extent : nullptr;
}

bool Formula::isFixed() const { return extent() && extent()->isFixed(); }

Formula operator+(const Formula& a, const Formula& b) {
  if (a.extent() && b.extent())
    return *a.extent() + *b.extent();
  return {Formula::Kind::sum, {a, b}};
}

Formula operator*(const Formula& a, const Formula& b) {
  if (a.extent() && b.extent())
    return *a.extent() * *b.extent();
  return {Formula::Kind::product, {a, b}};
}

Formula operator/(const Formula& a, const Formula& b) {
  if (a.isFixed() && b.isFixed())
    return Formula(a.at({}) / b.at({}));
  if (b.isFixed() && b.at({}) == 1)
    return a;
  return {Formula::Kind::quotient, {a, b}};
}

// Whether a is never more than b, as sizes are not negative: known for some.
static bool isBelow(const Formula& a, const Formula& b) {
  if (!a.extent() || !b.extent())
    return false;
  const Extent rest = *b.extent() + *a.extent() * Extent(-1);
  return std::all_of(rest.terms().begin(), rest.terms().end(),
                     [](const auto& term) { return term.second > 0; });
}

Formula Formula::largest(std::vector<Formula> of) {
  std::vector<Formula> kept;
  for (const Formula& next : of) {
    if (std::any_of(kept.begin(), kept.end(),
                    [&](const Formula& k) { return k.key() == next.key() || isBelow(next, k); }))
      continue;
    std::erase_if(kept, [&](const Formula& k) { return isBelow(k, next); });
    kept.push_back(next);
  }
  if (kept.empty())
    return 0;
  if (kept.size() == 1)
    return kept[0];
  return {Kind::largest, std::move(kept)};
}

Formula Formula::roundedUp(const Formula& x, int64_t multiple) {
  if (x.extent()) {
    bool already = true;
    for (const auto& term : x.extent()->terms())
      already = already && term.second % multiple == 0;
    if (already)
      return x;
  }
  return (x + Formula(multiple - 1)) / Formula(multiple) * Formula(multiple);
}

void Formula::forEachExtent(llvm::function_ref<void(const Extent&)> visit) const {
  if (node_->kind == Kind::extent)
    visit(node_->extent);
  for (const SizedNumber::Step& step : node_->number.steps)
    visit(step.size);
  for (const Formula& part : node_->parts)
    part.forEachExtent(visit);
}

//===-- Evaluated ----------------------------------------------------------------------------===//

double SizedNumber::at(std::span<const int64_t> sizes) const {
  const bool narrow = dtype == DType::f32;
  const auto rounded = [&](double x) {
    return narrow ? static_cast<double>(static_cast<float>(x)) : x;
  };
  double result = rounded(factor);
  for (const Step& step : steps) {
    auto size = static_cast<double>(step.size.at(sizes));
    size = rounded(step.root ? std::sqrt(size) : size);
    switch (step.op) {
    case Op::times: result = rounded(result * size); break;
    case Op::over: result = rounded(result / size); break;
    case Op::timesInverse: result = rounded(result * rounded(1.0 / size)); break;
    }
  }
  return result;
}

int64_t Formula::at(std::span<const int64_t> sizes) const {
  const auto part = [&](size_t i) { return node_->parts[i].at(sizes); };
  switch (node_->kind) {
  case Kind::extent: return node_->extent.at(sizes);
  case Kind::number: {
    const double value = node_->number.at(sizes);
    if (node_->number.dtype == DType::f32)
      return std::bit_cast<uint32_t>(static_cast<float>(value));
    return std::bit_cast<int64_t>(value);
  }
  case Kind::sum: return part(0) + part(1);
  case Kind::product: return part(0) * part(1);
  case Kind::quotient: return part(0) / part(1);
  case Kind::largest: break;
  }
  int64_t most = part(0);
  for (size_t i = 1; i < node_->parts.size(); ++i)
    most = std::max(most, part(i));
  return most;
}

//===-- Written ------------------------------------------------------------------------------===//

llvm::Value* FormulaWriter::value(const Formula& formula) {
  llvm::Value*& known = known_[formula.key()];
  if (!known) {
    llvm::Value* made = make(formula);
    return known_[formula.key()] = made;
  }
  return known;
}

llvm::Value* FormulaWriter::value(const Extent& extent) { return value(Formula(extent)); }

llvm::Value* FormulaWriter::make(const Formula& formula) {
  using Kind = Formula::Kind;
  const Formula::Node& node = *formula.node_;
  const auto part = [&](size_t i) { return value(node.parts[i]); };
  switch (node.kind) {
  case Kind::extent: {
    llvm::Value* sum = b_.getInt64(0);
    for (const auto& [dims, factor] : node.extent.terms()) {
      llvm::Value* product = b_.getInt64(static_cast<uint64_t>(factor));
      for (int dim : dims)
        product = b_.CreateMul(dims_[static_cast<size_t>(dim)], product);
      sum = b_.CreateAdd(product, sum);
    }
    return sum;
  }
  case Kind::number: return bitsOf(node.number);
  case Kind::sum: return b_.CreateAdd(part(0), part(1));
  case Kind::product: return b_.CreateMul(part(0), part(1));
  case Kind::quotient: return b_.CreateUDiv(part(0), part(1));
  case Kind::largest: break;
  }
  llvm::Value* most = part(0);
  for (size_t i = 1; i < node.parts.size(); ++i)
    most = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, most, part(i));
  return most;
}

llvm::Value* FormulaWriter::bitsOf(const SizedNumber& number) {
  const bool narrow = number.dtype == DType::f32;
  llvm::Type* type = narrow ? b_.getFloatTy() : b_.getDoubleTy();
  const auto constant = [&](double x) { return llvm::ConstantFP::get(type, x); };
  llvm::Value* result = constant(number.factor);
  for (const SizedNumber::Step& step : number.steps) {
    llvm::Value* size = b_.CreateSIToFP(value(step.size), b_.getDoubleTy());
    if (step.root)
      size = b_.CreateUnaryIntrinsic(llvm::Intrinsic::sqrt, size);
    size = narrow ? b_.CreateFPTrunc(size, type) : size;
    switch (step.op) {
    case SizedNumber::Op::times: result = b_.CreateFMul(result, size); break;
    case SizedNumber::Op::over: result = b_.CreateFDiv(result, size); break;
    case SizedNumber::Op::timesInverse:
      result = b_.CreateFMul(result, b_.CreateFDiv(constant(1.0), size));
      break;
    }
  }
  if (!narrow)
    return b_.CreateBitCast(result, b_.getInt64Ty());
  return b_.CreateZExt(b_.CreateBitCast(result, b_.getInt32Ty()), b_.getInt64Ty());
}

} // namespace diptych::aot
