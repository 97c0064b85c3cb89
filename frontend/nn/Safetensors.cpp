// The safetensors format: 8 bytes of header length, a JSON header, the elements.
#include "frontend/Ops.h"
#include "frontend/nn/StateFile.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

namespace diptych::nn {

using nlohmann::json;

namespace {

constexpr std::pair<const char*, DType> kNames[] = {
    {"F32", DType::f32},      {"F64", DType::f64},   {"I32", DType::i32}, {"I64", DType::i64},
    {"BOOL", DType::boolean}, {"BF16", DType::bf16}, {"F16", DType::f16}};
// The format's own limit.
constexpr uint64_t kMaxHeader = 100'000'000;
const char* const kMetadata = "__metadata__";

const char* formatName(DType dtype) {
  for (const auto& [name, own] : kNames)
    if (own == dtype)
      return name;
  throw Error("internal: a dtype without a safetensors name");
}

// Wide elements first, as the reference implementation, so that all are aligned.
std::vector<std::string> fileOrder(const State& state) {
  std::vector<std::string> names;
  for (const auto& entry : state)
    names.push_back(entry.first);
  std::sort(names.begin(), names.end(), [&](const std::string& a, const std::string& b) {
    const int64_t wide = sizeOf(state.at(a).dtype()), other = sizeOf(state.at(b).dtype());
    return wide != other ? wide > other : a < b;
  });
  return names;
}

std::string headerOf(const State& state, const Metadata& metadata,
                     const std::vector<std::string>& names) {
  json header = json::object();
  if (!metadata.empty())
    header[kMetadata] = metadata;
  int64_t offset = 0;
  for (const std::string& name : names) {
    const TensorType& type = state.at(name).type();
    json shape = json::array();
    for (int64_t extent : type.shape)
      shape.push_back(extent);
    header[name] = {{"dtype", formatName(type.dtype)},
                    {"shape", shape},
                    {"data_offsets", {offset, offset + type.bytes()}}};
    offset += type.bytes();
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  return text;
}

// Reads one file; every complaint names it.
class Reader {
public:
  Reader(const char* op, const std::string& path, std::string_view bytes)
      : op_(op), path_(path), bytes_(bytes) {}

  State read(Metadata* metadata) {
    const json header = parseHeader();
    State state;
    for (const auto& [name, entry] : header.items()) {
      if (name == kMetadata)
        readMetadata(entry, metadata);
      else
        state[name] = readTensor(name, entry);
    }
    checkCovered();
    return state;
  }

private:
  [[noreturn]] void bad(const std::string& what) const { badFile(op_, path_, what); }

  json parseHeader() {
    if (bytes_.size() < 8)
      bad("expected a safetensors file, got " + std::to_string(bytes_.size()) + " bytes");
    const uint64_t length = numberAt<uint64_t>(bytes_, 0);
    if (length > kMaxHeader || length > bytes_.size() - 8)
      bad("its header should have " + std::to_string(length) + " bytes, but the file has " +
          std::to_string(bytes_.size()) + " in all: it is cut off, or no safetensors file");
    data_ = bytes_.substr(8 + length);
    const std::string_view text = bytes_.substr(8, length);
    std::set<std::string> names;
    std::string repeated;
    const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
      if (event == json::parse_event_t::key && depth == 1 &&
          !names.insert(parsed.get<std::string>()).second)
        repeated = parsed.get<std::string>();
      return true;
    };
    json header;
    try {
      header = json::parse(text.begin(), text.end(), watch);
    } catch (const json::exception& error) {
      bad(std::string("its header is no JSON: ") + error.what());
    }
    if (!header.is_object())
      bad("its header is no JSON object");
    if (!repeated.empty())
      bad("two tensors are named \"" + repeated + '"');
    return header;
  }

  void readMetadata(const json& entry, Metadata* metadata) const {
    if (!entry.is_object())
      bad("__metadata__ is no JSON object");
    for (const auto& [key, value] : entry.items()) {
      if (!value.is_string())
        bad("__metadata__ holds something other than strings");
      if (metadata)
        (*metadata)[key] = value.get<std::string>();
    }
  }

  std::vector<uint64_t> numbers(const std::string& name, const json& entry, const char* key) const {
    const auto list = entry.find(key);
    if (list == entry.end() || !list->is_array())
      bad("\"" + name + "\" has no list " + key);
    std::vector<uint64_t> values;
    for (const json& value : *list) {
      if (!value.is_number_unsigned())
        bad("\"" + name + "\" has a " + key + " that holds something other than sizes");
      values.push_back(value.get<uint64_t>());
    }
    return values;
  }

  DType dtypeOf(const std::string& name, const json& entry) const {
    const auto given = entry.find("dtype");
    if (given == entry.end() || !given->is_string())
      bad("\"" + name + "\" has no dtype");
    const std::string text = given->get<std::string>();
    for (const auto& [known, dtype] : kNames)
      if (text == known)
        return dtype;
    bad("\"" + name + "\" has elements of type " + text +
        ", expected F32, F64, I32, I64 or BOOL; convert it where it was written");
  }

  Tensor readTensor(const std::string& name, const json& entry) {
    if (!entry.is_object())
      bad("\"" + name + "\" is described by something other than an object");
    const DType dtype = dtypeOf(name, entry);
    const std::vector<uint64_t> shape = numbers(name, entry, "shape");
    const std::vector<uint64_t> offsets = numbers(name, entry, "data_offsets");
    if (offsets.size() != 2 || offsets[0] > offsets[1])
      bad("\"" + name + "\" has data_offsets that are no begin and end");
    if (offsets[1] > data_.size())
      bad("\"" + name + "\" ends at byte " + std::to_string(offsets[1]) + " of " +
          std::to_string(data_.size()) + ": the file is cut off");
    const std::optional<uint64_t> bytes = bytesOf(dtype, shape);
    if (!bytes || *bytes != offsets[1] - offsets[0])
      bad("\"" + name + "\" has a shape that does not fit its " +
          std::to_string(offsets[1] - offsets[0]) + " bytes, or more than 8 axes");
    ranges_.emplace_back(offsets[0], offsets[1]);
    return fromFile(dtype, shape, data_.substr(offsets[0], *bytes));
  }

  // The format allows no hole and no overlap.
  void checkCovered() {
    std::sort(ranges_.begin(), ranges_.end());
    uint64_t end = 0;
    for (const auto& [begin, next] : ranges_) {
      if (begin != end)
        bad("its tensors overlap or leave bytes between them");
      end = next;
    }
    if (end != data_.size())
      bad(std::to_string(data_.size() - end) + " bytes at its end belong to no tensor");
  }

  const char* op_;
  const std::string& path_;
  std::string_view bytes_, data_;
  std::vector<std::pair<uint64_t, uint64_t>> ranges_;
};

} // namespace

std::string packSafetensors(const char* op, const std::string& path, const State& state,
                            const Metadata& metadata) {
  if (state.contains(kMetadata))
    badFile(op, path, "a tensor cannot be named __metadata__");
  const std::vector<std::string> names = fileOrder(state);
  std::string header;
  try {
    header = headerOf(state, metadata, names);
  } catch (const json::exception&) {
    badFile(op, path, "expected names and metadata in UTF-8");
  }
  std::string bytes;
  appendNumber<uint64_t>(bytes, header.size());
  bytes += header;
  for (const std::string& name : names)
    appendBytes(bytes, state.at(name));
  return bytes;
}

State unpackSafetensors(const char* op, const std::string& path, std::string_view bytes,
                        Metadata* metadata) {
  return Reader(op, path, bytes).read(metadata);
}

void save_safetensors(const std::string& path, const State& state, const Metadata& metadata,
                      SourceLocation where) {
  diptych::detail::located(where, [&] {
    writeFile("save_safetensors", path, packSafetensors("save_safetensors", path, state, metadata));
  });
}

State load_safetensors(const std::string& path, Metadata* metadata, SourceLocation where) {
  return diptych::detail::located(where, [&] {
    const std::string bytes = readFile("load_safetensors", path);
    return unpackSafetensors("load_safetensors", path, bytes, metadata);
  });
}

} // namespace diptych::nn
