// The table that a module prints. Reads names, kinds and types; no element.
#include <diptych/nn/Module.h>

#include <algorithm>
#include <ostream>

namespace diptych::nn {

namespace {

struct Row {
  std::string name, kind, shape, count;
};

void appendRows(const std::string& name, const Module& module, std::vector<Row>& rows) {
  const std::string prefix = name.empty() ? "" : name + ".";
  rows.push_back({name.empty() ? "(model)" : name, module.kind(), "", ""});
  const auto children = module.children();
  const auto append = [&](const auto& places, const char* kind) {
    for (const auto& [own, place] : places)
      if (own.find('.') == std::string::npos)
        rows.push_back({prefix + own, kind, place->type().str(), std::to_string(place->numel())});
  };
  append(module.parameter_places(), "  parameter");
  append(module.buffer_places(), "  buffer");
  for (const auto& [child, inside] : children)
    appendRows(prefix + child, inside, rows);
}

std::string padded(const std::string& text, size_t width) {
  return text + std::string(width - text.size() + 2, ' ');
}

} // namespace

std::string Module::summary() const {
  std::vector<Row> rows{{"name", "kind", "type", "elements"}};
  appendRows("", *this, rows);
  size_t name = 0, kind = 0, shape = 0;
  for (const Row& row : rows) {
    name = std::max(name, row.name.size());
    kind = std::max(kind, row.kind.size());
    shape = std::max(shape, row.shape.size());
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line =
        padded(row.name, name) + padded(row.kind, kind) + padded(row.shape, shape) + row.count;
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  int64_t trained = 0, buffers = 0;
  for (const auto& [own, place] : parameter_places())
    trained += place->is_traced() || place->requires_grad() ? place->numel() : 0;
  for (const auto& [own, place] : buffer_places())
    buffers += place->numel();
  return text + std::to_string(parameter_count()) + " parameters, " + std::to_string(trained) +
         " of them trained; " + std::to_string(buffers) + " elements in buffers\n";
}

std::ostream& operator<<(std::ostream& os, const Module& module) { return os << module.summary(); }

} // namespace diptych::nn
