// Of unknown strides and extents the kernel asks.
#include "codegen/RowStreams.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace diptych::codegen {

using namespace mlir;

Value endOfStreams(KernelBuilder& k, Value from, Value end, const StreamedRows& rows) {
  constexpr int64_t kLeastRowBytes = 257;
  Value until = k.add(from, k.roundDown(k.sub(end, from), int64_t{rows.streams} * kStreamRows));
  Value bytes = k.mul(k.size(rows.stride), k.i64(sizeOf(rows.dtype)));
  const auto stride = KernelBuilder::known(bytes), count = KernelBuilder::known(end);
  if (stride && (count || rows.caches == 0)) {
    const int64_t length = std::abs(*stride);
    return length < kLeastRowBytes || (count && *count * length < rows.caches) ? from : until;
  }
  Value length = arith::MaxSIOp::create(k.builder(), k.loc(), bytes, k.sub(k.i64(0), bytes));
  Value follows =
      arith::AndIOp::create(k.builder(), k.loc(), k.notLess(length, k.i64(kLeastRowBytes)),
                            k.notLess(k.mul(end, length), k.i64(rows.caches)));
  return arith::SelectOp::create(k.builder(), k.loc(), follows, until, from);
}

} // namespace diptych::codegen
