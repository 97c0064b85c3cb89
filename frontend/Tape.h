// The tape: which operator computed a tensor, from what, and on which line. Nodes live as long as
// the tensors they computed. Runs no operator and knows no derivative: sweeps do.
#pragma once

#include "autodiff/Sweep.h"
#include "frontend/TensorImpl.h"

namespace diptych {

/// Whether this thread records.
class GradMode {
public:
  static bool enabled();
  static void set(bool on);
};

class GradModeScope {
public:
  explicit GradModeScope(bool on) : previous_(GradMode::enabled()) { GradMode::set(on); }
  ~GradModeScope() { GradMode::set(previous_); }
  GradModeScope(const GradModeScope&) = delete;

private:
  bool previous_;
};

/// Runs something whose errors get the user's line, unless they have one.
template <class F> auto located(const F& run) {
  try {
    return run();
  } catch (const Error& error) {
    if (error.where().known() || !currentLocation().known())
      throw;
    throw Error(currentLocation(), error.what());
  }
}

/// One step of a computation. Owns its operands; its results own it and are only pointed to, so
/// that a tape is never a cycle. One thread at a time uses a tape.
class TapeNode {
public:
  /// `attrs` may be null.
  static NodeRef make(OpCode code, ValueSpan operands, const Attrs* attrs);
  static NodeRef make(const std::shared_ptr<Callee>& callee, ValueSpan operands);
  /// Its rule may ask for every result.
  static NodeRef make(const std::shared_ptr<const CustomFunction>& custom, ValueSpan operands,
                      ValueSpan results);
  static NodeRef make(const std::shared_ptr<const autodiff::Replayable>& replayable,
                      ValueSpan operands, std::vector<TensorType> results);
  /// `kept`: the last results, which its rule will ask for.
  static NodeRef make(const std::shared_ptr<const ControlFlow>& control, ValueSpan operands,
                      std::vector<TensorType> results, ValueSpan kept);
  /// Makes `result` (a fresh tensor) result number `index` of `node`.
  static void addResult(NodeRef node, TensorImpl& result, int index);

  /// Larger than that of every node it depends on.
  uint64_t sequence() const { return sequence_; }
  OpCode code() const { return code_; }
  const SourceLocation& where() const { return where_; }
  ValueSpan operands() const { return {operands_, operandCount_}; }
  /// Operands were given back by a backward sweep; nothing can flow through it any more.
  bool isFreed() const { return freed_; }
  void free();

  /// Appends the node's results. One that has died comes back if the node's rule asks for it; else
  /// a stand-in of its type.
  static size_t appendResults(const NodeRef& node, Values& values);
  /// What a sweep reads; `results` as appended.
  autodiff::Node view(ValueSpan results) const;

  /// Marks the node as seen by a walk; true if this walk had not seen it.
  bool visit(uint64_t walk) {
    if (visited_.load(std::memory_order_relaxed) == walk)
      return false;
    visited_.store(walk, std::memory_order_relaxed);
    return true;
  }

  static void* operator new(size_t size);
  static void operator delete(void* memory) noexcept;

private:
  friend class NodeRef;
  friend class TensorImpl;
  struct Extra;
  static constexpr size_t kInline = 3;

  TapeNode(OpCode code, ValueSpan operands);
  ~TapeNode();
  void forgetResult(int index) noexcept;
  static TapeNode* makeCall(ValueSpan operands, std::vector<TensorType> results);
  void keep(ValueSpan last);
  static void destroy(TapeNode* node) noexcept;

  std::atomic<int32_t> references_{1};
  OpCode code_;
  bool freed_ = false;
  uint32_t operandCount_;
  const uint64_t sequence_;
  std::atomic<uint64_t> visited_{0};
  SourceLocation where_;
  Value* operands_ = inline_;
  Value inline_[kInline];
  TensorImpl* result_ = nullptr; // result 0
  TapeNode* next_ = nullptr;     // in the list of nodes to destroy
  std::unique_ptr<Extra> extra_;
};

inline void NodeRef::retain() {
  if (node_)
    node_->references_.fetch_add(1, std::memory_order_relaxed);
}
inline void NodeRef::release() noexcept {
  if (node_->references_.load(std::memory_order_acquire) == 1 ||
      node_->references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
    TapeNode::destroy(node_);
}

/// A piece of tape between outputs and where it began, in program order.
class TapeSegment {
public:
  /// Nodes that `outputs` depend on, back to inputs of `transform` (0: none) and to nodes older
  /// than `since`. Throws Error where a node on the way was freed.
  TapeSegment(ValueSpan outputs, uint64_t since, uint64_t transform);

  autodiff::Nodes nodes() const { return pointers_; }
  /// Leaves that require grad and are not inputs of the transform, each once.
  const Values& leaves() const { return leaves_; }
  /// What requires grad and lies outside: leaves, and results of older nodes, each once.
  const Values& frontier() const { return frontier_; }
  bool reachesOutside() const { return !frontier_.empty(); }
  /// Throws Error where a node has been freed meanwhile.
  void requireAlive() const;
  /// Frees every node.
  void free();

private:
  struct Step {
    uint64_t sequence;
    NodeRef node;
  };
  void walk(ValueSpan outputs, uint64_t since, uint64_t transform);
  void order();
  void describe();

  std::vector<Step> tape_;
  Values results_, leaves_, frontier_;
  std::vector<autodiff::Node> views_;
  std::vector<const autodiff::Node*> pointers_;
};

/// Not above that of any node this thread records from now on, above that of any it recorded.
uint64_t nextSequence();
/// A number no other walk or transform has.
uint64_t freshTransform();

/// Adds d(root)/d(leaf) to `grad` of every leaf. A null cotangent: root has one element, and it
/// is 1. The tape is freed unless retainGraph or createGraph.
void backward(const Value& root, const Value& cotangent, bool retainGraph, bool createGraph);
/// Derivatives of the outputs with respect to `wrt`, zeros where nothing flows. `cotangents`: one
/// for each output, or none where each has one element.
Values gradients(ValueSpan outputs, ValueSpan wrt, ValueSpan cotangents, bool retainGraph,
                 bool createGraph);
/// Throws Error for a tensor that is not of floats, or to switch off what was computed.
void setRequiresGrad(const Value& x, bool on);

} // namespace diptych
