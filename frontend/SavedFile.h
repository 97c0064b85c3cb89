// The file of a saved function: header, program, weights, checksum (docs/saved.md). Sees the
// program as bytes; knows no MLIR.
#pragma once

#include <diptych/Save.h>

#include "frontend/nn/StateFile.h"

#include <string>
#include <string_view>

namespace diptych {

/// Raised whenever what is written can't be read by the version before: an operator's name, its
/// attributes or their meaning changed. A reader takes its own version and all before.
constexpr uint64_t kDialectVersion = 1;

struct SavedFile {
  std::string program;                     // textual IR in generic form
  uint64_t dialect = kDialectVersion;      // in which it is written
  Numerics numerics = Numerics::standard;  // how it is compiled unless asked otherwise
  std::vector<TensorType> inputs, outputs; // inputs without the weights
  std::vector<Tensor> weights;             // the program's last arguments
};

/// Whether bytes begin as such a file does.
bool isSavedFile(std::string_view bytes);

void writeSaved(const std::string& path, const SavedFile& file, SaveOptions::Weights weights);
SavedFile readSaved(const std::string& path);
/// As readSaved, from memory; weights beside it are looked for beside `path`.
SavedFile unpackSaved(const std::string& path, std::string_view bytes);
/// Bytes of a file with its weights inside.
std::string packSaved(const std::string& path, const SavedFile& file);

} // namespace diptych
