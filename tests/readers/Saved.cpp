// Fuzz target: saved functions and the programs inside, as they are and with the right checksum.
#include "Context.h"
#include "Fuzz.h"

#include "frontend/SavedFile.h"
#include "ir/DialectText.h"

#include <zlib.h>

using namespace diptych;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(test::textOf(data, size));
  test::mayRefuse([&] { unpackSaved("/nowhere/f", bytes); });
  if (size < 4)
    return 0;
  bytes.resize(size - 4);
  const auto sum = static_cast<uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
  nn::appendNumber<uint32_t>(bytes, sum);
  test::mayRefuse([&] {
    const SavedFile file = unpackSaved("/nowhere/f", bytes);
    if (unpackSaved("/nowhere/f", packSaved("f", file)).program != file.program)
      __builtin_trap();
    ir::parseText(file.program, test::fuzzContext());
  });
  return 0;
}
