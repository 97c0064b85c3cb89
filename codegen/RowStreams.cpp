// Of unknown strides and extents the kernel asks.
#include "codegen/RowStreams.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace diptych::codegen {

using namespace mlir;

// From a row to the next, whichever way.
static Value bytesApart(KernelBuilder& k, const StreamedRows& rows) {
  if (!rows.stride.isDynamic())
    return k.i64(std::abs(rows.stride.value) * sizeOf(rows.dtype));
  Value bytes = k.mul(k.size(rows.stride), k.i64(sizeOf(rows.dtype)));
  return k.max(bytes, k.sub(k.i64(0), bytes));
}

Value endOfStreams(KernelBuilder& k, Value from, Value end, const StreamedRows& rows) {
  constexpr int64_t kLeastRowBytes = 257;
  const int64_t least = rows.fetched ? 1 : kLeastRowBytes;
  Value until = k.add(from, k.roundDown(k.sub(end, from), int64_t{rows.streams} * kStreamRows));
  Value apart = bytesApart(k, rows), bytes = k.mul(rows.count, apart);
  const auto length = KernelBuilder::known(apart), all = KernelBuilder::known(bytes);
  if (length && (all || rows.caches == 0))
    return *length < least || (all && *all < rows.caches) ? from : until;
  Value follows = arith::AndIOp::create(k.builder(), k.loc(), k.notLess(apart, k.i64(least)),
                                        k.notLess(bytes, k.i64(rows.caches)));
  return arith::SelectOp::create(k.builder(), k.loc(), follows, until, from);
}

Value rowsAhead(KernelBuilder& k, const StreamedRows& rows) {
  constexpr int64_t kLargeBlock = 256 << 10;
  const int64_t block = int64_t{rows.streams} * kStreamRows;
  Value apart = bytesApart(k, rows), next = k.i64(1), all = k.i64(block);
  if (const auto length = KernelBuilder::known(apart))
    return *length * block > kLargeBlock ? next : all;
  return arith::SelectOp::create(k.builder(), k.loc(), k.less(k.i64(kLargeBlock / block), apart),
                                 next, all);
}

} // namespace diptych::codegen
