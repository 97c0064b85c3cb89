// Fuzz target: safetensors. What was read is written and read again.
#include "Fuzz.h"

#include "frontend/nn/StateFile.h"

using namespace diptych;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  test::mayRefuse([&] {
    nn::Metadata metadata;
    const nn::State state = nn::unpackSafetensors("fuzz", "f", test::textOf(data, size), &metadata);
    const std::string again = nn::packSafetensors("fuzz", "f", state, metadata);
    if (nn::unpackSafetensors("fuzz", "f", again, nullptr).size() != state.size())
      __builtin_trap();
  });
  return 0;
}
