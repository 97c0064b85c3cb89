// Every byte is under a checksum, and every size is checked against what is there, before anything
// is believed.
#include "frontend/SavedFile.h"

#include <nlohmann/json.hpp>
#include <zlib.h>

#include <filesystem>

namespace diptych {

namespace {

using nlohmann::json;
using nn::appendNumber;
using nn::badFile;
using nn::numberAt;

constexpr uint32_t kFormat = 1;
// As PNG's: shows a file that was transferred as text.
constexpr std::string_view kMagic("\x89"
                                  "DPT\r\n\x1a\n",
                                  8);
constexpr size_t kFixed = 8 + 4 + 8, kChecksum = 4; // magic, format, length of the header
const char* const kSave = "save_function";
const char* const kLoad = "load_function";
const char* const kProgramKey = "diptych_program";
const char* const kElementsKey = "diptych_crc32";

uint32_t checksum(std::string_view bytes, uLong crc = crc32(0, nullptr, 0)) {
  // In pieces: zlib counts in 32 bits.
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, size_t{1} << 30);
    crc = crc32(crc, reinterpret_cast<const Bytef*>(piece.data()), static_cast<uInt>(piece.size()));
    bytes.remove_prefix(piece.size());
  }
  return static_cast<uint32_t>(crc);
}

/// FNV-1a; names the program that weights belong to.
std::string identityOf(std::string_view program) {
  uint64_t hash = 0xcbf29ce484222325;
  for (char c : program)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

std::string checksumOf(const std::vector<Tensor>& weights) {
  uint32_t crc = checksum({});
  for (const Tensor& weight : weights) {
    std::string bytes;
    nn::appendBytes(bytes, weight);
    crc = checksum(bytes, crc);
  }
  return std::to_string(crc);
}

constexpr std::pair<const char*, Numerics> kNumerics[] = {
    {"strict", Numerics::strict}, {"standard", Numerics::standard}, {"fast", Numerics::fast}};

constexpr DType kTypes[] = {DType::f32,     DType::f64,  DType::i32, DType::i64,
                            DType::boolean, DType::bf16, DType::f16};

json typesJson(const std::vector<TensorType>& types) {
  json list = json::array();
  for (const TensorType& type : types)
    list.push_back({{"dtype", name(type.dtype)},
                    {"shape", std::vector<int64_t>(type.shape.begin(), type.shape.end())}});
  return list;
}

std::string weightName(size_t index) { return "weight." + std::to_string(index); }

nn::State stateOf(const SavedFile& file) {
  nn::State state;
  for (size_t i = 0; i < file.weights.size(); ++i)
    state[weightName(i)] = file.weights[i].detach().contiguous();
  return state;
}

std::string besidePath(const std::string& path) {
  return std::filesystem::path(path).replace_extension(".safetensors").string();
}

std::string weightBytes(const std::string& path, const SavedFile& file) {
  return nn::packSafetensors(
      kSave, path, stateOf(file),
      {{kProgramKey, identityOf(file.program)}, {kElementsKey, checksumOf(file.weights)}});
}

std::string pack(const SavedFile& file, const std::string& weights) {
  json header{{"dialect", file.dialect},
              {"inputs", typesJson(file.inputs)},
              {"outputs", typesJson(file.outputs)},
              {"program_bytes", file.program.size()},
              {"weights", file.weights.size()},
              {"weights_beside", weights.empty()},
              {"weights_bytes", weights.size()}};
  for (const auto& [text, numerics] : kNumerics)
    if (numerics == file.numerics)
      header["numerics"] = text;
  const std::string text = header.dump();
  std::string bytes(kMagic);
  appendNumber<uint32_t>(bytes, kFormat);
  appendNumber<uint64_t>(bytes, text.size());
  bytes += text;
  bytes += file.program;
  bytes += weights;
  appendNumber<uint32_t>(bytes, checksum(bytes));
  return bytes;
}

//===-- Reading ------------------------------------------------------------------------------===//

class Unpacker {
public:
  Unpacker(const std::string& path, std::string_view bytes) : path_(path), bytes_(bytes) {}

  SavedFile read() {
    checkWhole();
    try {
      return parse();
    } catch (const json::exception& error) {
      bad(std::string("its header is not as expected: ") + error.what());
    }
  }

private:
  [[noreturn]] void bad(const std::string& what) const { badFile(kLoad, path_, what); }

  void checkWhole() const {
    if (!isSavedFile(bytes_))
      bad("expected a function that save_function wrote, got something else");
    if (bytes_.size() < kFixed + kChecksum)
      bad("it is cut off after " + std::to_string(bytes_.size()) + " bytes");
    const auto format = numberAt<uint32_t>(bytes_, kMagic.size());
    if (format == 0 || format > kFormat)
      bad("it has version " + std::to_string(format) + " of the format, this library reads 1 to " +
          std::to_string(kFormat) + "; load it with the version of Diptych that wrote it");
    const size_t end = bytes_.size() - kChecksum;
    if (checksum(bytes_.substr(0, end)) != numberAt<uint32_t>(bytes_, end))
      bad("it is damaged or cut off: its checksum differs; save it again or copy it anew");
  }

  std::vector<TensorType> typesOf(const json& list) const {
    std::vector<TensorType> types;
    for (const json& entry : list) {
      const auto text = entry.at("dtype").get<std::string>();
      const auto* dtype = std::find_if(std::begin(kTypes), std::end(kTypes),
                                       [&](DType known) { return text == name(known); });
      const auto shape = entry.at("shape").get<std::vector<int64_t>>();
      if (dtype == std::end(kTypes) || shape.size() > kMaxRank ||
          std::any_of(shape.begin(), shape.end(), [](int64_t extent) { return extent < 0; }))
        bad("its header names a type that is none: " + entry.dump());
      types.push_back({*dtype, Dims(shape)});
    }
    return types;
  }

  SavedFile parse() {
    const auto length = numberAt<uint64_t>(bytes_, kMagic.size() + 4);
    std::string_view rest = bytes_.substr(kFixed, bytes_.size() - kFixed - kChecksum);
    if (length > rest.size())
      bad("its header should have " + std::to_string(length) + " bytes, more than the file");
    const json header = json::parse(rest.substr(0, length));
    rest.remove_prefix(length);
    const auto program = header.at("program_bytes").get<uint64_t>();
    const auto weights = header.at("weights_bytes").get<uint64_t>();
    if (program > rest.size() || rest.size() - program != weights)
      bad("its parts do not have the sizes that its header says");
    SavedFile file;
    file.dialect = header.at("dialect").get<uint64_t>();
    if (file.dialect == 0 || file.dialect > kDialectVersion)
      bad("it is written in version " + std::to_string(file.dialect) +
          " of the diptych dialect, this library reads 1 to " + std::to_string(kDialectVersion) +
          "; load it with the version of Diptych that wrote it, or a later one");
    file.program = rest.substr(0, program);
    file.inputs = typesOf(header.at("inputs"));
    file.outputs = typesOf(header.at("outputs"));
    const auto numerics = header.at("numerics").get<std::string>();
    const auto* mode = std::find_if(std::begin(kNumerics), std::end(kNumerics),
                                    [&](const auto& known) { return numerics == known.first; });
    if (mode == std::end(kNumerics))
      bad("its header asks for numerics '" + numerics + "', expected strict, standard or fast");
    file.numerics = mode->second;
    readWeights(file, header, rest.substr(program));
    return file;
  }

  void readWeights(SavedFile& file, const json& header, std::string_view embedded) const {
    const auto count = header.at("weights").get<uint64_t>();
    const bool isBeside = header.at("weights_beside").get<bool>();
    const std::string path = isBeside ? besidePath(path_) : path_;
    const std::string beside = isBeside && count ? nn::readFile(kLoad, path) : "";
    if (count == 0)
      return;
    nn::Metadata metadata;
    const nn::State state =
        nn::unpackSafetensors(kLoad, path, isBeside ? beside : embedded, &metadata);
    if (metadata[kProgramKey] != identityOf(file.program))
      badFile(kLoad, path,
              "these are the weights of another program, its metadata say; save " + path_ +
                  " again, or bring the weights that belong to it");
    for (uint64_t i = 0; i < count; ++i) {
      const auto found = state.find(weightName(i));
      if (found == state.end() || state.size() != count)
        badFile(kLoad, path,
                "expected tensors weight.0 to weight." + std::to_string(count - 1) + ", got " +
                    std::to_string(state.size()) + " tensors");
      file.weights.push_back(found->second);
    }
    // Who replaces weights may leave it out.
    if (metadata.contains(kElementsKey) && metadata[kElementsKey] != checksumOf(file.weights))
      badFile(kLoad, path, "it is damaged: the checksum of its elements differs");
  }

  const std::string& path_;
  std::string_view bytes_;
};

} // namespace

bool isSavedFile(std::string_view bytes) { return bytes.starts_with(kMagic); }

std::string packSaved(const std::string& path, const SavedFile& file) {
  return pack(file, weightBytes(path, file));
}

void writeSaved(const std::string& path, const SavedFile& file, SaveOptions::Weights weights) {
  if (weights == SaveOptions::Weights::embedded)
    return nn::writeFile(kSave, path, packSaved(path, file));
  const std::string beside = besidePath(path);
  if (beside == path)
    badFile(kSave, path,
            "its weights would be written beside it under the same name; give it "
            "another ending, such as .diptych");
  // First: a program without its weights can't be loaded, weights without a program harm nobody.
  if (!file.weights.empty())
    nn::writeFile(kSave, beside, weightBytes(beside, file));
  nn::writeFile(kSave, path, pack(file, ""));
}

SavedFile readSaved(const std::string& path) {
  return unpackSaved(path, nn::readFile(kLoad, path));
}

SavedFile unpackSaved(const std::string& path, std::string_view bytes) {
  return Unpacker(path, bytes).read();
}

} // namespace diptych
