// Numbers the active values of a program.
#include "autodiff/Activity.h"

#include <algorithm>

namespace diptych::autodiff {

size_t ValueNumbers::place(const ValueImpl* key) const {
  const uint64_t mixed = (reinterpret_cast<uintptr_t>(key) >> 4) * 0x9E3779B97F4A7C15ull;
  const size_t mask = entries_.size() - 1;
  size_t at = (mixed >> 32) & mask;
  while (entries_[at].key && entries_[at].key != key)
    at = (at + 1) & mask;
  return at;
}

int32_t ValueNumbers::find(const Value& value) const {
  if (entries_.empty())
    return -1;
  const Entry& entry = entries_[place(value.impl())];
  return entry.key ? entry.number : -1;
}

int32_t ValueNumbers::insert(const Value& value) {
  Entry& entry = room(value);
  if (!entry.key)
    entry = {value.impl(), size_++};
  return entry.number;
}

void ValueNumbers::alias(const Value& value, int32_t number) {
  Entry& entry = room(value);
  if (!entry.key)
    entry = {value.impl(), number};
}

ValueNumbers::Entry& ValueNumbers::room(const Value& value) {
  if (2 * filled_ >= entries_.size())
    grow();
  Entry& entry = entries_[place(value.impl())];
  filled_ += !entry.key;
  return entry;
}

void ValueNumbers::grow() {
  std::vector<Entry> old = std::move(entries_);
  entries_.assign(std::max<size_t>(32, 4 * old.size()), {});
  for (const Entry& entry : old)
    if (entry.key)
      entries_[place(entry.key)] = entry;
}

// A reshape to the shape that is there.
static bool isIdentity(const Node& node) {
  return !node.callee && !node.custom && !node.replayable && node.code == OpCode::Reshape &&
         node.operands[0].type() == node.results[0].type();
}

Activity::Activity(Nodes nodes, ValueSpan wrt) {
  for (const Value& value : wrt)
    if (isFloat(value.dtype()))
      numbers_.insert(value);
  wrtCount_ = numbers_.size();
  for (const Node* node : nodes)
    if (isIdentity(*node) && slot(node->operands[0]) >= 0)
      numbers_.alias(node->results[0], slot(node->operands[0]));
    else if (dependsOnActive(*node))
      for (const Value& result : node->results)
        if (isFloat(result.dtype()))
          numbers_.insert(result);
}

bool Activity::isRenaming(const Node& node) const {
  return isIdentity(node) && slot(node.operands[0]) >= 0 &&
         slot(node.operands[0]) == slot(node.results[0]);
}

bool Activity::dependsOnActive(const Node& node) const {
  return propagates(node) && std::any_of(node.operands.begin(), node.operands.end(),
                                         [&](const Value& x) { return slot(x) >= 0; });
}

} // namespace diptych::autodiff
