// Nodes: recording, teardown without recursion, walks from outputs back.
#include "frontend/Tape.h"

#include <algorithm>
#include <string>

namespace diptych {

namespace {
thread_local bool recording = true;
// Of this thread. A node of another thread's tape may have a larger number than later ones here;
// what depends on it takes a number above it.
thread_local uint64_t lastSequence = 0;
std::atomic<uint64_t> transforms{1};
} // namespace

bool GradMode::enabled() { return recording; }
void GradMode::set(bool on) { recording = on; }
uint64_t nextSequence() { return lastSequence + 1; }
uint64_t freshTransform() { return transforms.fetch_add(1, std::memory_order_relaxed); }

//===-- Nodes --------------------------------------------------------------------------------===//

/// What many nodes have not. Not filled with zeros first: most of it are attributes that an
/// operator has not.
struct TapeNode::Extra {
  bool hasAttrs = false;
  Attrs attrs;
  std::shared_ptr<Callee> callee;
  std::shared_ptr<const CustomFunction> custom;
  std::shared_ptr<const autodiff::Replayable> replayable;
  std::shared_ptr<const ControlFlow> control;
  bool isCall = false;              // any of the four
  std::vector<TensorType> types;    // of a call's results
  Values kept;                      // without history: of the last results, those that rules read
  std::vector<TensorImpl*> results; // of a call
  Values operands;                  // where they are more than kInline
};

static uint64_t takeSequence(ValueSpan operands) {
  uint64_t& last = lastSequence;
  for (const Value& operand : operands)
    last = std::max(last, static_cast<const TensorImpl*>(operand.impl())->sequence);
  return ++last;
}

TapeNode::TapeNode(OpCode code, ValueSpan operands)
    : code_(code), operandCount_(static_cast<uint32_t>(operands.size())),
      sequence_(takeSequence(operands)), where_(currentLocation()) {
  if (operands.size() <= kInline) {
    std::copy(operands.begin(), operands.end(), inline_);
    return;
  }
  extra_ = std::make_unique_for_overwrite<Extra>();
  extra_->operands.assign(operands.begin(), operands.end());
  operands_ = extra_->operands.data();
}

TapeNode::~TapeNode() = default;

void* TapeNode::operator new(size_t) { return TapePool<sizeof(TapeNode)>::take(); }
void TapeNode::operator delete(void* memory) noexcept { TapePool<sizeof(TapeNode)>::give(memory); }

NodeRef TapeNode::make(OpCode code, ValueSpan operands, const Attrs* attrs) {
  auto* node = new TapeNode(code, operands);
  NodeRef result = NodeRef::adopt(node);
  if (attrs) {
    if (!node->extra_)
      node->extra_ = std::make_unique_for_overwrite<Extra>();
    node->extra_->attrs = *attrs;
    node->extra_->hasAttrs = true;
  }
  return result;
}

TapeNode* TapeNode::makeCall(ValueSpan operands, std::vector<TensorType> results) {
  auto* node = new TapeNode(OpCode{}, operands);
  if (!node->extra_)
    node->extra_ = std::make_unique_for_overwrite<Extra>();
  node->extra_->isCall = true;
  node->extra_->types = std::move(results);
  node->extra_->results.resize(node->extra_->types.size());
  return node;
}

NodeRef TapeNode::make(const std::shared_ptr<Callee>& callee, ValueSpan operands) {
  TapeNode* node = makeCall(operands, callee->outputTypes());
  node->extra_->callee = callee;
  return NodeRef::adopt(node);
}

void TapeNode::keep(ValueSpan last) {
  for (const Value& value : last)
    extra_->kept.push_back(detached(value));
}

NodeRef TapeNode::make(const std::shared_ptr<const CustomFunction>& custom, ValueSpan operands,
                       ValueSpan results) {
  std::vector<TensorType> types;
  for (const Value& result : results)
    types.push_back(result.type());
  TapeNode* node = makeCall(operands, std::move(types));
  node->extra_->custom = custom;
  node->keep(results);
  return NodeRef::adopt(node);
}

NodeRef TapeNode::make(const std::shared_ptr<const ControlFlow>& control, ValueSpan operands,
                       std::vector<TensorType> results, ValueSpan kept) {
  TapeNode* node = makeCall(operands, std::move(results));
  node->extra_->control = control;
  node->keep(kept);
  return NodeRef::adopt(node);
}

NodeRef TapeNode::make(const std::shared_ptr<const autodiff::Replayable>& replayable,
                       ValueSpan operands, std::vector<TensorType> results) {
  TapeNode* node = makeCall(operands, std::move(results));
  node->extra_->replayable = replayable;
  return NodeRef::adopt(node);
}

void TapeNode::addResult(NodeRef node, TensorImpl& result, int index) {
  if (node->extra_ && node->extra_->isCall)
    node->extra_->results.at(static_cast<size_t>(index)) = &result;
  else
    node->result_ = &result;
  const uint64_t sequence = node->sequence();
  result.setNode(std::move(node), index, sequence);
}

void TapeNode::forgetResult(int index) noexcept {
  if (extra_ && index < static_cast<int>(extra_->results.size()))
    extra_->results[static_cast<size_t>(index)] = nullptr;
  else
    result_ = nullptr;
}

// A node's operands own the nodes before it. Whatever dies while one node is destroyed waits in a
// list, so the stack holds one node however long the chain.
void TapeNode::destroy(TapeNode* node) noexcept {
  thread_local constinit TapeNode* waiting = nullptr;
  thread_local constinit bool draining = false;
  node->next_ = waiting;
  waiting = node;
  if (draining)
    return;
  draining = true;
  while (TapeNode* next = waiting) {
    waiting = next->next_;
    delete next;
  }
  draining = false;
}

void TapeNode::free() {
  freed_ = true;
  for (Value& operand : inline_)
    operand = {};
  operandCount_ = 0;
  operands_ = inline_;
  if (!extra_)
    return;
  extra_->operands.clear();
  extra_->hasAttrs = false;
  extra_->callee.reset();
  extra_->custom.reset();
  extra_->replayable.reset();
  extra_->control.reset();
  extra_->kept.clear();
}

// Results are alive while something after them is: it owns them as operands. Only of a call with
// several results can one have died.
size_t TapeNode::appendResults(const NodeRef& node, Values& values) {
  if (!node->extra_ || !node->extra_->isCall) {
    values.emplace_back(node->result_);
    return 1;
  }
  const Extra& extra = *node->extra_;
  const size_t count = extra.results.size(), firstKept = count - extra.kept.size();
  for (size_t i = 0; i < count; ++i) {
    if (extra.results[i]) {
      values.emplace_back(extra.results[i]);
    } else if (i < firstKept) {
      values.push_back(splat(extra.types[i], Scalar(0)));
    } else {
      values.push_back(detached(extra.kept[i - firstKept]));
      if (isFloat(extra.types[i].dtype))
        addResult(node, eagerTensor(values.back()), static_cast<int>(i));
    }
  }
  return count;
}

autodiff::Node TapeNode::view(ValueSpan results) const {
  autodiff::Node node;
  node.code = code_;
  node.operands = operands();
  node.results = results;
  node.where = where_;
  if (extra_) {
    node.attributes = extra_->hasAttrs ? &extra_->attrs : nullptr;
    node.callee = extra_->callee;
    node.custom = extra_->custom;
    node.inputCount = operandCount_;
    node.replayable = extra_->replayable;
    node.control = extra_->control;
  }
  return node;
}

//===-- Segments -----------------------------------------------------------------------------===//

TapeSegment::TapeSegment(ValueSpan outputs, uint64_t since, uint64_t transform) {
  walk(outputs, since, transform);
  order();
  describe();
}

[[noreturn]] static void failFreed(const TapeNode& node) {
  std::string step;
  if (node.where().known()) {
    const std::string file = node.where().file;
    step = ": the step at " + file.substr(file.rfind('/') + 1) + ":" +
           std::to_string(node.where().line) + " is gone";
  }
  throw Error("this tape was freed by an earlier backward" + step +
              "; pass retain_graph or create_graph to that backward, or compute the tensor again");
}

// Marks are shared with walks of other threads, so that something can be met twice: uniqueness is
// restored afterwards.
void TapeSegment::walk(ValueSpan outputs, uint64_t since, uint64_t transform) {
  const uint64_t walk = freshTransform();
  std::vector<TapeNode*> pending;
  auto reach = [&](const Value& value) {
    TensorImpl* tensor = findTensor(value);
    if (!tensor || !tensor->requiresGrad() || (transform && tensor->transform == transform))
      return;
    TapeNode* node = tensor->node().get();
    if (!node) {
      if (tensor->visit(walk)) {
        leaves_.push_back(value);
        frontier_.push_back(value);
      }
    } else if (node->sequence() < since) {
      if (tensor->visit(walk))
        frontier_.push_back(value);
    } else if (node->visit(walk)) {
      if (node->isFreed())
        failFreed(*node);
      tape_.push_back({node->sequence(), tensor->node()});
      pending.push_back(node);
    }
  };
  for (const Value& output : outputs)
    reach(output);
  while (!pending.empty()) {
    TapeNode* node = pending.back();
    pending.pop_back();
    for (const Value& operand : node->operands())
      reach(operand);
  }
}

// Nodes in program order, each once; leaves each once.
void TapeSegment::order() {
  // Walked backwards, a chain comes in falling order: often nothing is left to sort.
  std::reverse(tape_.begin(), tape_.end());
  // Nodes of different threads may share a number; they do not depend on each other then.
  auto older = [](const Step& a, const Step& b) {
    return a.sequence != b.sequence ? a.sequence < b.sequence : a.node.get() < b.node.get();
  };
  if (!std::is_sorted(tape_.begin(), tape_.end(), older))
    std::sort(tape_.begin(), tape_.end(), older);
  auto same = [](const Step& a, const Step& b) { return a.node.get() == b.node.get(); };
  tape_.erase(std::unique(tape_.begin(), tape_.end(), same), tape_.end());
  auto before = [](const Value& a, const Value& b) { return a.impl() < b.impl(); };
  std::sort(leaves_.begin(), leaves_.end(), before);
  leaves_.erase(std::unique(leaves_.begin(), leaves_.end()), leaves_.end());
  std::sort(frontier_.begin(), frontier_.end(), before);
  frontier_.erase(std::unique(frontier_.begin(), frontier_.end()), frontier_.end());
}

void TapeSegment::requireAlive() const {
  for (const Step& step : tape_)
    if (step.node->isFreed())
      failFreed(*step.node.get());
}

void TapeSegment::describe() {
  std::vector<size_t> counts;
  counts.reserve(tape_.size());
  for (const Step& step : tape_)
    counts.push_back(TapeNode::appendResults(step.node, results_));
  size_t next = 0;
  views_.reserve(tape_.size());
  pointers_.reserve(tape_.size());
  for (size_t i = 0; i < tape_.size(); ++i) {
    views_.push_back(tape_[i].node->view(ValueSpan(results_).subspan(next, counts[i])));
    pointers_.push_back(&views_.back());
    next += counts[i];
  }
}

// Here the memory of saved operands goes back.
void TapeSegment::free() {
  pointers_.clear();
  views_.clear();
  results_.clear();
  for (const Step& step : tape_)
    step.node->free();
}

} // namespace diptych
