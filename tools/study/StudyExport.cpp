// Files are named by what they hold, so a large argument of many rows is written once.
#include "tools/study/StudyExport.h"

#include <diptych/nn/StateDict.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <zlib.h>

#include <filesystem>

namespace diptych::study {

namespace {

template <class T> unsigned long checksum(const Tensor& tensor) {
  const auto* bytes = reinterpret_cast<const Bytef*>(tensor.data<T>());
  return crc32_z(0, bytes, static_cast<z_size_t>(tensor.numel()) * sizeof(T));
}

unsigned long checksum(const Tensor& tensor) {
  switch (tensor.dtype()) {
  case DType::f32: return checksum<float>(tensor);
  case DType::f64: return checksum<double>(tensor);
  case DType::i32: return checksum<int32_t>(tensor);
  case DType::i64: return checksum<int64_t>(tensor);
  case DType::boolean: return checksum<bool>(tensor);
  case DType::bf16: return checksum<bfloat16>(tensor);
  case DType::f16: return checksum<float16>(tensor);
  }
  throw Error("internal: unknown dtype");
}

std::string exportTensor(const Tensor& tensor, const std::filesystem::path& folder) {
  const Tensor whole = tensor.detach().contiguous();
  const Shape shape = whole.shape();
  const std::string name = fmt::format("{}-{}-{:08x}.npz", diptych::name(whole.dtype()),
                                       fmt::join(shape.begin(), shape.end(), "x"), checksum(whole));
  if (!std::filesystem::exists(folder / name))
    nn::save_npz((folder / name).string(), {{"x", whole}});
  return name;
}

} // namespace

Json exportRow(const Job& job, const std::string& folder) {
  Json row = {{"arguments", Json::array()}, {"results", Json::array()}};
  for (const Tensor& argument : job.arguments)
    row["arguments"].push_back(exportTensor(argument, folder));
  for (const Tensor& result : job.eager())
    row["results"].push_back(exportTensor(result, folder));
  return row;
}

} // namespace diptych::study
