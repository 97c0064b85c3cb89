// Fuzz target: price files, wide and long, plain and gzip.
#include "Fuzz.h"

#include "tools/study/PriceFile.h"

#include <sys/mman.h>
#include <unistd.h>

using namespace diptych;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const int file = memfd_create("prices", 0);
  if (file < 0 || write(file, data, size) != static_cast<ssize_t>(size))
    __builtin_trap();
  for (auto layout :
       {study::PriceLayout::automatic, study::PriceLayout::wide, study::PriceLayout::longOhlcv})
    test::mayRefuse([&] {
      study::PriceReadOptions options;
      options.layout = layout;
      const study::PriceTable table =
          study::readPrices("/proc/self/fd/" + std::to_string(file), options);
      if (table.offsets.size() != table.symbols.size() + 1 ||
          table.offsets.back() != table.close.size() || table.report.text().empty())
        __builtin_trap();
    });
  close(file);
  return 0;
}
