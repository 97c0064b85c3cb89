// Fuzz target: npz. The input is an archive, or an array inside one: else every change would end at
// the archive's checksums.
#include "Fuzz.h"

#include "frontend/nn/StateFile.h"
#include "frontend/nn/Zip.h"

using namespace diptych;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(test::textOf(data, size));
  test::mayRefuse([&] { nn::unpackNpz("fuzz", "f", bytes); });
  const std::string archive = nn::packZip("fuzz", "f", {{"a.npy", bytes}});
  test::mayRefuse([&] { nn::unpackNpz("fuzz", "f", archive); });
  return 0;
}
