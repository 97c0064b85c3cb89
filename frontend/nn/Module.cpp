// The registry behind modules: names to places, modules to modules. Knows no layer.
#include <diptych/nn/Module.h>

#include <diptych/Autograd.h>

#include "frontend/Ops.h"

#include <algorithm>
#include <set>

namespace diptych::nn {

using diptych::detail::located;
using diptych::detail::misuse;

namespace detail {
struct Entry {
  std::string name;
  Parameter place;
  bool isBuffer;
};
struct Registry {
  std::string kind;
  bool training = true;
  std::vector<Entry> entries;
  std::vector<std::pair<std::string, std::shared_ptr<Registry>>> children;
};
} // namespace detail

using detail::Entry;
using detail::Registry;

//===-- Parameter ----------------------------------------------------------------------------===//

Parameter::Parameter(const Tensor& value) : slot_(std::make_shared<Tensor>(value)) {
  value.value(); // an empty tensor is an error here, not later
}

Tensor& Parameter::slot() const {
  if (!slot_)
    throw Error("this Parameter is no place for a tensor (default-constructed, or left out, as the "
                "bias of a layer without one); ask `if (parameter)` first");
  return *slot_;
}

void Parameter::set(const Tensor& value, SourceLocation where) const {
  located(where, [&] {
    Tensor& place = slot();
    if (!(value.type() == place.type()))
      misuse("Parameter::set", place.type().str(), value.type().str(),
             "a parameter keeps its shape and dtype");
    if (value.is_traced())
      misuse("Parameter::set", "a tensor whose elements are known", "traced " + value.type().str(),
             "return it from the traced function and set it outside, or use functional_call");
    const bool trained = !place.is_traced() && place.requires_grad();
    place = value.detach();
    if (trained)
      place.requires_grad_();
  });
}

//===-- Walking ------------------------------------------------------------------------------===//

namespace {

template <class Visit>
void walkEntries(const Registry& registry, const std::string& prefix, const Visit& visit) {
  for (const Entry& entry : registry.entries)
    visit(prefix + entry.name, entry);
  for (const auto& [name, child] : registry.children)
    walkEntries(*child, prefix + name + ".", visit);
}

std::vector<std::pair<std::string, Entry>> distinctEntries(const Registry& registry) {
  std::vector<std::pair<std::string, Entry>> found;
  walkEntries(registry, "", [&](const std::string& name, const Entry& entry) {
    const bool known = std::any_of(found.begin(), found.end(), [&](const auto& other) {
      return other.second.place == entry.place;
    });
    if (!known)
      found.emplace_back(name, entry);
  });
  return found;
}

template <class Visit> void walkModules(Registry& registry, const Visit& visit) {
  for (const auto& child : registry.children)
    walkModules(*child.second, visit);
  visit(registry);
}

enum class Which { Parameters, Buffers, Both };

bool wanted(Which which, const Entry& entry) {
  return which == Which::Both || entry.isBuffer == (which == Which::Buffers);
}

State collect(const Registry& registry, Which which, bool keepsHistory) {
  State state;
  for (const auto& [name, entry] : distinctEntries(registry))
    if (wanted(which, entry))
      state[name] = keepsHistory ? *entry.place : entry.place->detach();
  return state;
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size() && i < 8; ++i)
    text += (i ? ", " : "") + names[i];
  return names.size() > 8 ? text + ", and " + std::to_string(names.size() - 8) + " more" : text;
}

} // namespace

//===-- Module -------------------------------------------------------------------------------===//

Module::Module(const std::string& kind) : registry_(std::make_shared<Registry>()) {
  registry_->kind = kind;
}
Module::Module(std::shared_ptr<Registry> registry) : registry_(std::move(registry)) {}

const std::string& Module::kind() const { return registry_->kind; }
State Module::named_parameters() const { return collect(*registry_, Which::Parameters, true); }
State Module::named_buffers() const { return collect(*registry_, Which::Buffers, true); }
State Module::parameter_dict() const { return collect(*registry_, Which::Parameters, false); }
State Module::buffer_dict() const { return collect(*registry_, Which::Buffers, false); }
State Module::state_dict() const { return collect(*registry_, Which::Both, false); }

static std::map<std::string, Parameter> placesOf(const Registry& registry, Which which) {
  std::map<std::string, Parameter> places;
  for (const auto& [name, entry] : distinctEntries(registry))
    if (wanted(which, entry))
      places[name] = entry.place;
  return places;
}

std::map<std::string, Parameter> Module::parameter_places() const {
  return placesOf(*registry_, Which::Parameters);
}
std::map<std::string, Buffer> Module::buffer_places() const {
  return placesOf(*registry_, Which::Buffers);
}

// All complaints in one message, so that a wrong file is understood at once.
void Module::load_state_dict(const State& state, bool strict, SourceLocation where) const {
  located(where, [&] {
    const auto places = placesOf(*registry_, Which::Both);
    std::vector<std::string> missing, unknown, different;
    for (const auto& [name, place] : places)
      if (!state.contains(name))
        missing.push_back(name);
    for (const auto& [name, tensor] : state) {
      const auto place = places.find(name);
      if (place == places.end())
        unknown.push_back(name);
      else if (!(tensor.type() == place->second->type()))
        different.push_back(name + " (" + place->second->type().str() + " here, " +
                            tensor.type().str() + " there)");
    }
    std::string problems;
    const auto add = [&](const char* what, const std::vector<std::string>& names) {
      if (!names.empty())
        problems += (problems.empty() ? "" : "; ") + std::string(what) + listed(names);
    };
    add("different shapes or dtypes: ", different);
    if (strict) {
      add("missing: ", missing);
      add("unknown: ", unknown);
    }
    if (!problems.empty())
      misuse("load_state_dict", "the tensors of " + kind(), problems,
             "load a state of the same model, or pass strict = false to leave out names that "
             "only one side has");
    for (const auto& [name, tensor] : state)
      if (const auto place = places.find(name); place != places.end())
        place->second.set(tensor);
  });
}

Parameter Module::at(const std::string& name, SourceLocation where) const {
  Parameter found;
  std::vector<std::string> names;
  walkEntries(*registry_, "", [&](const std::string& full, const Entry& entry) {
    names.push_back(full);
    if (full == name)
      found = entry.place;
  });
  if (!found)
    throw Error(where, "at: expected a name of " + kind() + ", got \"" + name +
                           "\"; it has: " + (names.empty() ? "none" : listed(names)));
  return found;
}

int64_t Module::parameter_count() const {
  int64_t count = 0;
  for (const auto& [name, place] : parameter_places())
    count += place->numel();
  return count;
}

void Module::train(bool on) const {
  walkModules(*registry_, [on](Registry& registry) { registry.training = on; });
}
bool Module::is_training() const { return registry_->training; }

void Module::requires_grad_(bool on) const {
  for (const auto& [name, place] : parameter_places())
    place->requires_grad_(on);
}
void Module::zero_grad_() const {
  for (const auto& [name, place] : parameter_places())
    place->zero_grad_();
}

void Module::to(const std::string& device, SourceLocation where) const {
  located(where, [&] {
    std::vector<std::pair<Parameter, Tensor>> moved;
    for (const auto& [name, place] : placesOf(*registry_, Which::Both))
      moved.emplace_back(place, place->detach().to(device));
    for (const auto& [place, tensor] : moved)
      if (tensor.device() != place->device())
        place.set(tensor);
  });
}

void Module::to(DType dtype, SourceLocation where) const {
  located(where, [&] {
    if (!isFloat(dtype))
      misuse("Module::to", "f32, f64, bf16 or f16", name(dtype), "parameters are floats");
    for (const auto& [name, place] : placesOf(*registry_, Which::Both)) {
      if (!isFloat(place->dtype()) || place->dtype() == dtype)
        continue;
      const bool trained = place->requires_grad();
      place.slot() = place->detach().astype(dtype);
      place->requires_grad_(trained);
    }
  });
}

// Through shared pointers: what visit is given may be kept.
static void applyTo(const std::shared_ptr<Registry>& registry,
                    const std::function<void(const std::shared_ptr<Registry>&)>& visit) {
  for (const auto& child : registry->children)
    applyTo(child.second, visit);
  visit(registry);
}

void Module::apply(const std::function<void(Module&)>& visit) const {
  applyTo(registry_, [&](const std::shared_ptr<Registry>& registry) {
    Module module(registry);
    visit(module);
  });
}

std::vector<std::pair<std::string, Module>> Module::children() const {
  std::vector<std::pair<std::string, Module>> list;
  for (const auto& [name, child] : registry_->children)
    list.emplace_back(name, Module(child));
  return list;
}

//===-- Registration -------------------------------------------------------------------------===//

static void checkName(const char* op, const Registry& registry, const std::string& name) {
  if (name.empty() || name.find('.') != std::string::npos)
    misuse(op, "a name without dots", '"' + name + '"', "dots stand between nested names");
  const auto isTaken = [&](const auto& list, auto nameOf) {
    return std::any_of(list.begin(), list.end(),
                       [&](const auto& entry) { return nameOf(entry) == name; });
  };
  if (isTaken(registry.entries, [](const Entry& entry) { return entry.name; }) ||
      isTaken(registry.children, [](const auto& child) { return child.first; }))
    misuse(op, "a name that " + registry.kind + " has not used", '"' + name + '"',
           "every name is registered once");
}

Parameter Module::register_parameter(const std::string& name, const Tensor& value) {
  checkName("register_parameter", *registry_, name);
  const Parameter place(value.detach());
  place->requires_grad_();
  registry_->entries.push_back({name, place, false});
  return place;
}

Buffer Module::register_buffer(const std::string& name, const Tensor& value) {
  checkName("register_buffer", *registry_, name);
  const Buffer place(value.detach());
  registry_->entries.push_back({name, place, true});
  return place;
}

void Module::share_parameter(const std::string& name, const Parameter& parameter) {
  checkName("share_parameter", *registry_, name);
  registry_->entries.push_back({name, parameter, false});
}

void Module::register_module(const std::string& name, const Module& module) {
  checkName("register_module", *registry_, name);
  walkModules(*module.registry_, [&](Registry& inside) {
    if (&inside == registry_.get())
      misuse("register_module", "a module that does not hold this one", '"' + name + '"',
             "a module cannot be inside itself");
  });
  registry_->children.emplace_back(name, module.registry_);
}

} // namespace diptych::nn
