// Error codes and their texts; what an artefact says of itself as JSON.
#include "aot/Model.h"

#include <algorithm>

namespace diptych::aot {

const char* version() { return DIPTYCH_VERSION; }

int Model::codeOf(const std::string& failure) {
  const auto found = std::find(failures.begin(), failures.end(), failure);
  const auto index = static_cast<int>(found - failures.begin());
  if (kFirstFailure + index >= kMostCode) {
    failures.resize(static_cast<size_t>(kMostCode - kFirstFailure));
    failures.push_back(
        "one of the steps failed that have no number of their own: there are too many");
    return kMostCode;
  }
  if (found == failures.end())
    failures.push_back(failure);
  return kFirstFailure + index;
}

std::vector<int> codesOf(const Model& model) {
  std::vector<int> codes = {kDone, kNullPointer, kBadWorkspace, kWrongCpu};
  if (model.weightsInFile())
    codes.insert(codes.end(), {kNoWeights, kNoFile, kWrongFile});
  if (model.hasDims())
    codes.push_back(kBadSize);
  if (model.threaded())
    codes.push_back(kNoThreads);
  for (size_t i = 0; i < model.failures.size(); ++i)
    codes.push_back(kFirstFailure + static_cast<int>(i));
  return codes;
}

std::string boundsText(const Dim& dim) {
  const bool open = dim.most == std::numeric_limits<int64_t>::max();
  return std::to_string(dim.least) + " <= " + dim.name +
         (open ? "" : " <= " + std::to_string(dim.most));
}

std::string typeText(const TensorInfo& info, std::span<const Dim> dims) {
  std::string shape;
  for (const Extent& extent : info.shape)
    shape += (shape.empty() ? "" : ",") + extent.str(dims);
  return std::string(name(info.type.dtype)) + "[" + shape + "]";
}

bool isOpen(const TensorInfo& info) {
  return !std::all_of(info.shape.begin(), info.shape.end(),
                      [](const Extent& extent) { return extent.isFixed(); });
}

std::string messageOf(const Model& model, int code) {
  switch (code) {
  case kDone: return "done";
  case kNullPointer: return "expected a pointer for every input and output, got NULL for one";
  case kBadWorkspace:
    return "expected a workspace aligned to " + std::to_string(kWorkspaceAlignment) +
           " bytes, got NULL or another address; see the _WORKSPACE_BYTES of the header";
  case kWrongCpu: {
    std::string targets;
    for (const std::string& target : model.options.targets)
      targets += (targets.empty() ? "" : " or ") + target;
    return "this CPU lacks instructions that the code was compiled for (" + targets +
           "); compile the model for a lesser target, or for several";
  }
  case kNoWeights:
    return "expected weights that " + model.options.name + "_open_weights has opened, got none";
  case kNoFile: return "the file of weights cannot be opened and mapped";
  case kWrongFile:
    return "the file holds other weights: expected " + model.options.name +
           ".safetensors as it was made, or with other values of the same tensors";
  case kBadSize: {
    std::string sizes;
    for (size_t i = 0; i < model.entries.size(); ++i)
      if (const EntryInfo& entry = model.entries[i]; !entry.dims.empty()) {
        std::string bounds;
        for (const Dim& dim : entry.dims)
          bounds += (bounds.empty() ? "" : ", ") + boundsText(dim);
        for (const Extent& extent : model.constraints[i])
          bounds += ", 0 <= " + extent.str(entry.dims);
        sizes += (sizes.empty() ? "" : "; ") + bounds + " in " + entry.symbol;
      }
    return "a size is out of bounds: expected " + sizes;
  }
  case kNoThreads:
    return "the threads did not run: expected a count of at most those that the pool has started, "
           "or "
           "a `run` that runs every task";
  default: return model.failures[static_cast<size_t>(code - kFirstFailure)];
  }
}

namespace {

// Names are C identifiers and file names may hold anything.
std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      result += '\\';
    if (static_cast<unsigned char>(c) >= 0x20)
      result += c;
  }
  return result + '"';
}

const char* nameOf(Weights weights) {
  switch (weights) {
  case Weights::embedded: return "embedded";
  case Weights::passed: return "passed";
  case Weights::file: break;
  }
  return "file";
}

std::string tensors(const std::vector<TensorInfo>& infos, size_t weights,
                    std::span<const Dim> dims) {
  std::string text;
  for (size_t i = 0; i < infos.size(); ++i) {
    text += std::string(i ? "," : "") + "{\"name\":" + quoted(infos[i].name) + ",\"dtype\":\"" +
            name(infos[i].type.dtype) + "\",\"shape\":[";
    for (size_t axis = 0; axis < infos[i].shape.size(); ++axis) {
      const Extent& extent = infos[i].shape[axis];
      text += axis ? "," : "";
      text += extent.isFixed() ? extent.str(dims) : quoted(extent.str(dims));
    }
    text += i + weights >= infos.size() ? "],\"weight\":true}" : "]}";
  }
  return text;
}

std::string dimsText(std::span<const Dim> dims) {
  std::string text;
  for (const Dim& dim : dims)
    text += (text.empty() ? ",\"dims\":[{\"name\":" : ",{\"name\":") + quoted(dim.name) +
            ",\"least\":" + std::to_string(dim.least) + ",\"most\":" + std::to_string(dim.most) +
            "}";
  return text + (text.empty() ? "" : "]");
}

} // namespace

std::string aboutText(const Model& model) {
  std::string targets, entries;
  for (const std::string& target : model.options.targets)
    targets += (targets.empty() ? "" : ",") + quoted(target);
  for (size_t i = 0; i < model.entries.size(); ++i) {
    const EntryInfo& entry = model.entries[i];
    entries +=
        std::string(i ? "," : "") + "{\"name\":" + quoted(entry.name) +
        ",\"symbol\":" + quoted(entry.symbol) +
        ",\"workspace_bytes\":" + (entry.open ? "null" : std::to_string(entry.workspaceBytes)) +
        ",\"workspace_alignment\":" + std::to_string(kWorkspaceAlignment) + dimsText(entry.dims) +
        ",\"inputs\":[" + tensors(entry.inputs, model.passed[i], entry.dims) + "],\"outputs\":[" +
        tensors(entry.outputs, 0, entry.dims) + "]}";
  }
  return std::string("{\"diptych\":\"") + version() + "\",\"abi\":" + std::to_string(kInterface) +
         ",\"name\":" + quoted(model.options.name) + ",\"hash\":\"" + model.hash +
         "\",\"numerics\":\"" +
         (model.options.numerics == Numerics::strict ? "strict" : "standard") + "\",\"targets\":[" +
         targets + "],\"threads\":" + std::to_string(model.options.threads) + ",\"weights\":\"" +
         nameOf(model.options.weights) + "\",\"entries\":[" + entries + "]}";
}

} // namespace diptych::aot
