// Exchanging a module's tensors for the time of a call, and what happens to buffers meanwhile.
#include <diptych/nn/Functional.h>

#include "frontend/Ops.h"

namespace diptych::nn {

using diptych::detail::located;
using diptych::detail::misuse;

// The innermost on this thread.
static Substitution*& innermost() {
  static thread_local Substitution* substitution = nullptr;
  return substitution;
}

// Everything is checked before anything is exchanged.
Substitution::Substitution(const Module& module, const State& state, bool collectsBuffers,
                           const SourceLocation& where)
    : collectsBuffers_(collectsBuffers), outer_(innermost()) {
  located(where, [&] {
    const auto parameters = module.parameter_places();
    const auto buffers = module.buffer_places();
    for (const auto& [name, tensor] : state) {
      const bool isBuffer = buffers.contains(name);
      if (!isBuffer && !parameters.contains(name))
        module.at(name, where); // names what there is
      const Parameter& place = isBuffer ? buffers.at(name) : parameters.at(name);
      if (!(tensor.type() == place->type()))
        misuse("functional_call", place->type().str() + " for " + name, tensor.type().str(),
               "the state has the shapes and dtypes of the module");
      entries_.push_back({name, place.slot_, tensor, isBuffer});
    }
  });
  for (Entry& entry : entries_)
    std::swap(*entry.slot, entry.old);
  innermost() = this;
}

Substitution::~Substitution() {
  for (Entry& entry : entries_)
    std::swap(*entry.slot, entry.old);
  innermost() = outer_;
}

State Substitution::buffers() const {
  State state;
  for (const Entry& entry : entries_)
    if (entry.isBuffer)
      state[entry.name] = *entry.slot;
  return state;
}

bool Substitution::covers(const Buffer& buffer) const {
  for (const Entry& entry : entries_)
    if (entry.slot == buffer.slot_)
      return true;
  return false;
}

void Substitution::update(const Buffer& buffer, const Tensor& value, const char* kind) {
  const Substitution* scope = innermost();
  while (scope && !scope->covers(buffer))
    scope = scope->outer_;
  if (scope && scope->collectsBuffers_) {
    *buffer.slot_ = value;
    return;
  }
  if (scope || value.is_traced())
    misuse(kind, "a place for the buffers it updates in training",
           scope ? "functional_call" : "a traced function",
           "pass the buffers in and take them out with functional_call_with_buffers, or call "
           "eval() on the module first");
  buffer.set(value);
}

State merged(const State& a, const State& b, SourceLocation where) {
  State both = a;
  for (const auto& [name, tensor] : b)
    if (!both.emplace(name, tensor).second)
      throw Error(where, "merged: expected different names, got \"" + name + "\" in both");
  return both;
}

} // namespace diptych::nn
