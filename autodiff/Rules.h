// What derivative rules are written with, and the table of them. One rule serves the tape and the
// compiler; a rule knows its own operator and nothing of the program around it.
#pragma once

#include <array>
#include <concepts>
#include <functional>
#include <memory>
#include <vector>

#include "ir/Emitted.h"

namespace diptych::autodiff {

struct Node;

/// A part of a program computed again for a sweep: its nodes, and what stands in for the operands
/// and results of the node it was made for. Owns what its nodes refer to.
class Replay {
public:
  virtual ~Replay() = default;
  virtual std::span<const Node* const> nodes() const = 0;

  Values operands, outputs;
};

/// What a node's results came from, where its intermediate values were not kept.
class Replayable {
public:
  virtual ~Replayable() = default;
  /// `again`: computed anew even where the values of the first time are at hand.
  virtual std::unique_ptr<Replay> replay(ValueSpan operands, bool again) const = 0;
};

/// One step of a program as a sweep sees it. A view: the tape or the trace that made it keeps
/// everything alive and in place while rules emit.
struct Node {
  OpCode code{}; // without meaning where it is a call: one of the pointers below is set
  ValueSpan operands;
  ValueSpan results;                 // one, but for calls
  const Attrs* attributes = nullptr; // null: none
  std::shared_ptr<Callee> callee;    // null: an operator of the table
  SourceLocation where;
  std::shared_ptr<const CustomFunction> custom = {}; // its inputs are the first operands;
  size_t inputCount = 0;                             // so many; others are what it captured
  std::shared_ptr<const Replayable> replayable = {};
  std::shared_ptr<const ControlFlow> control = {};

  const Attrs& attrs() const;
};

/// Computed at once, or only when asked for: a rule of several operands does no work for those
/// nobody differentiates. A function captures [this] alone; it runs after rule() has returned.
template <class T> class Lazy {
public:
  Lazy() = default;
  template <std::convertible_to<T> V> Lazy(V value) : value_(std::move(value)) {}
  template <std::invocable F> Lazy(F function) : compute_([function] { return T(function()); }) {}
  T get() const { return compute_ ? compute_() : value_; }

private:
  T value_{};
  std::function<T()> compute_;
};

/// The partial derivative of a pointwise operator: a linear function of the (co)tangent it meets.
class Partial {
public:
  enum class Unit : uint8_t { none, one, minusOne };
  Partial(Unit unit = Unit::none) : kind_(static_cast<Kind>(unit)) {}
  Partial(Value factor) : kind_(Kind::factor), value_(std::move(factor)) {}

  /// What comes of (co)tangent t; null for none.
  Value operator()(const Value& t) const;

private:
  enum class Kind : uint8_t { none, one, minusOne, factor, over, onlyWhere, exceptWhere, shared };
  Partial(Kind kind, Value value, Value tie = {})
      : kind_(kind), value_(std::move(value)), tie_(std::move(tie)) {}
  friend Partial over(Value divisor);
  friend Partial onlyWhere(Value mask);
  friend Partial exceptWhere(Value mask);
  friend Partial sharedAt(Value tie, Value lost);

  Kind kind_;
  Value value_, tie_;
};

constexpr auto none = Partial::Unit::none;
constexpr auto one = Partial::Unit::one;
constexpr auto minusOne = Partial::Unit::minusOne;
/// 1 / divisor, as one division.
Partial over(Value divisor);
/// 1 where the mask holds, else exactly 0, even against an infinite cotangent.
Partial onlyWhere(Value mask);
Partial exceptWhere(Value mask);
/// 1/2 where `tie` holds, 0 where `lost` does, else 1.
Partial sharedAt(Value tie, Value lost);

/// One T for each operand. Nearly all operators have few, which take no memory of their own.
template <class T> class PerOperand {
public:
  static constexpr size_t kFew = 3;
  template <std::convertible_to<T>... V>
  PerOperand(V&&... few) : few_{T(std::forward<V>(few))...} {}
  PerOperand(std::vector<T> many) : many_(std::move(many)) {}
  const T& operator[](size_t i) const { return many_.empty() ? few_[i] : many_[i]; }

private:
  std::array<T, kFew> few_;
  std::vector<T> many_;
};

using Partials = PerOperand<Lazy<Partial>>;
/// Null: no contribution.
using Cotangents = PerOperand<Lazy<Value>>;

/// What a rule may look at: its node, and the cotangent of the result (vjp) or the tangents of the
/// operands (jvp).
class RuleContext {
public:
  RuleContext(const Node& node, const Value& cotangent, ValueSpan tangents)
      : node_(&node), cotangent_(&cotangent), tangents_(tangents) {}

  const Value& in(size_t i) const { return node_->operands[i]; }
  const Value& x() const { return in(0); }
  const Value& y() const { return in(1); }
  const Value& out() const { return node_->results[0]; }
  const Value& cot() const { return *cotangent_; }
  /// Null where the operand has none.
  const Value& tangent(size_t i) const { return tangents_[i]; }
  const Attrs& attrs() const { return node_->attrs(); }
  size_t operandCount() const { return node_->operands.size(); }

private:
  const Node* node_;
  const Value* cotangent_;
  ValueSpan tangents_;
};

#define PARTIALS(OP) Partials OP##Partials::rule() const
#define TRANSPOSE(OP) Cotangents OP##Transpose::rule() const
#define VJP(OP) Cotangents OP##Vjp::rule() const
#define JVP(OP) Value OP##Jvp::rule() const

#include "autodiff/Rules.h.inc"

/// Whether derivatives flow from operands to results at all: false for operators that are locally
/// constant.
bool propagates(const Node& node);

/// Contribution of the result's cotangent to each wanted operand: `contributions` has a null for
/// each operand. Not for calls.
void pullBack(const Node& node, const Value& cotangent, const std::vector<bool>& wanted,
              Values& contributions);
/// Tangent of the result; null tangents are zero, at least one is not. Not for calls.
Value pushForward(const Node& node, ValueSpan tangents);

} // namespace diptych::autodiff
