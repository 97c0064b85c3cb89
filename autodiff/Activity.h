// Which values depend on the differentiated ones, numbered in program order. Knows no operator.
#pragma once

#include "autodiff/Sweep.h"

namespace diptych::autodiff {

/// Numbers values by identity. Open addressing; is never iterated, so addresses decide nothing.
class ValueNumbers {
public:
  /// -1 where the value has none.
  int32_t find(const Value& value) const;
  /// The value's number, a new one if it had none.
  int32_t insert(const Value& value);
  /// Gives a value that has no number one that exists.
  void alias(const Value& value, int32_t number);
  int32_t size() const { return size_; }

private:
  struct Entry {
    const ValueImpl* key = nullptr;
    int32_t number = 0;
  };
  size_t place(const ValueImpl* key) const;
  /// The value's entry, or the free one that it will take.
  Entry& room(const Value& value);
  void grow();

  std::vector<Entry> entries_;
  int32_t size_ = 0;
  size_t filled_ = 0;
};

/// Active values: those of `wrt` and every float result computed from an active one by an operator
/// that has derivatives.
class Activity {
public:
  Activity(Nodes nodes, ValueSpan wrt);

  /// -1: not active.
  int32_t slot(const Value& value) const { return numbers_.find(value); }
  int32_t count() const { return numbers_.size(); }
  /// Whether the slot is one of `wrt`.
  bool isWrt(int32_t slot) const { return slot < wrtCount_; }
  /// Whether the node's result is its operand under another name, as a transform's eager inputs
  /// are. They share a slot, and a sweep passes over the node: contributions to either are added in
  /// the order of the program, as they are in a trace, where the name is gone.
  bool isRenaming(const Node& node) const;

private:
  bool dependsOnActive(const Node& node) const;

  ValueNumbers numbers_;
  int32_t wrtCount_ = 0;
};

/// Inputs and results of a node with rules of its own. Throws Error where a captured operand, which
/// no rule knows, is active.
Values customInputs(const Node& node, const std::vector<bool>& active);

} // namespace diptych::autodiff
