// What both file formats need: whole files in and out, and bytes with a bound on every read.
#pragma once

#include <diptych/nn/StateDict.h>

#include <optional>
#include <string_view>

namespace diptych::nn {

/// All bytes of a file. Error naming the path.
std::string readFile(const char* op, const std::string& path);
/// Writes beside, syncs, renames. Error naming the path; then nothing of the new file is left.
void writeFile(const char* op, const std::string& path, const std::string& bytes);

/// Throws Error("<op>: <path>: <what>; <remedy>").
[[noreturn]] void badFile(const char* op, const std::string& path, const std::string& what);

/// shape's elements times the size of one; empty where that overflows or a shape is no shape.
std::optional<uint64_t> bytesOf(DType dtype, const std::vector<uint64_t>& shape);

/// Row-major bytes of a tensor, appended.
void appendBytes(std::string& bytes, const Tensor& tensor);
/// A tensor of exactly these bytes; booleans become 0 or 1. The sizes fit.
Tensor fromFile(DType dtype, const std::vector<uint64_t>& shape, std::string_view bytes);

/// The formats in memory; `op` and `path` are for messages.
std::string packSafetensors(const char* op, const std::string& path, const State& state,
                            const Metadata& metadata);
State unpackSafetensors(const char* op, const std::string& path, std::string_view bytes,
                        Metadata* metadata);
State unpackNpz(const char* op, const std::string& path, std::string_view bytes);

/// Little-endian numbers.
template <class T> void appendNumber(std::string& bytes, T number) {
  for (size_t i = 0; i < sizeof(T); ++i)
    bytes += static_cast<char>(static_cast<uint64_t>(number) >> (8 * i) & 0xff);
}
/// The caller has checked that they are there.
template <class T> T numberAt(std::string_view bytes, size_t offset) {
  uint64_t number = 0;
  for (size_t i = 0; i < sizeof(T); ++i)
    number |= static_cast<uint64_t>(static_cast<unsigned char>(bytes[offset + i])) << (8 * i);
  return static_cast<T>(number);
}

} // namespace diptych::nn
