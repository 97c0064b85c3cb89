// Zip archives, as far as npz needs them: stored entries out; stored and deflated entries in.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace diptych::nn {

using ZipEntries = std::vector<std::pair<std::string, std::string>>;

/// An archive of stored entries. Error if a part reaches 4 GiB or there are 65535 entries.
std::string packZip(const char* op, const std::string& path, const ZipEntries& entries);
/// Names and contents, every CRC checked. Error for anything that does not fit together.
ZipEntries unpackZip(const char* op, const std::string& path, std::string_view archive);

} // namespace diptych::nn
