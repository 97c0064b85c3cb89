// Philox4x32-10 on vectors of i64: each of the words stands in the low half of a lane, so that a
// product of two words is one multiplication and needs no carry.
#include "codegen/Lowerings.h"

namespace diptych::codegen {

using namespace mlir;

namespace {

/// 32-bit words in 64-bit lanes, their upper halves zero.
struct WordArithmetic {
  ScalarBuilder& b;

  Value low(Value x) { return b.create<arith::AndIOp>(x, b.integer(x, 0xffffffff)); }
  Value high(Value x) { return b.create<arith::ShRUIOp>(x, b.integer(x, 32)); }
  Value product(Value x, int64_t factor) {
    return b.create<arith::MulIOp>(x, b.integer(x, factor));
  }
  Value mixed(Value x, Value y, Value z) {
    return b.create<arith::XOrIOp>(b.create<arith::XOrIOp>(x, y), z);
  }
  Value plus(Value x, int64_t step) { return low(b.create<arith::AddIOp>(x, b.integer(x, step))); }
  Value joined(Value lowWord, Value highWord) {
    return b.create<arith::OrIOp>(lowWord,
                                  b.create<arith::ShLIOp>(highWord, b.integer(highWord, 32)));
  }
};

} // namespace

// Constants of the paper: two multipliers, and the Weyl steps of the key (golden ratio, sqrt(3) -
// 1).
LOWERING(Philox) {
  WordArithmetic words{b};
  Value key0 = words.low(x[0]), key1 = words.high(x[0]);
  Value c0 = words.low(x[1]), c1 = words.high(x[1]);
  Value c2 = words.low(x[2]), c3 = words.high(x[2]);
  for (int round = 0; round < 10; ++round) {
    if (round > 0) {
      key0 = words.plus(key0, 0x9E3779B9);
      key1 = words.plus(key1, 0xBB67AE85);
    }
    Value p0 = words.product(c0, 0xD2511F53), p1 = words.product(c2, 0xCD9E8D57);
    c0 = words.mixed(words.high(p1), c1, key0);
    c2 = words.mixed(words.high(p0), c3, key1);
    c1 = words.low(p1);
    c3 = words.low(p0);
  }
  return words.joined(c0, c1);
}

// A shift by the width or more is undefined in IR: such lanes shift by 0 and are replaced.
LOWERING(ShiftRight) {
  const unsigned width = getElementTypeOrSelf(x[0].getType()).getIntOrFloatBitWidth();
  Value zero = b.integer(x[1], 0);
  Value fits = b.create<arith::CmpIOp>(arith::CmpIPredicate::ult, x[1], b.integer(x[1], width));
  Value shifted = b.create<arith::ShRUIOp>(x[0], b.select(fits, x[1], zero));
  return b.select(fits, shifted, zero);
}

} // namespace diptych::codegen
