// What the walk over calls remembers of rows and buffers says the same as asking two by two.
#include "codegen/RowFootprints.h"

#include <gtest/gtest.h>

#include <random>

namespace diptych::codegen {
namespace {

bool allApart(const std::vector<RowFootprint>& there, const std::vector<RowFootprint>& own) {
  return std::all_of(own.begin(), own.end(), [&](const RowFootprint& print) {
    return std::all_of(there.begin(), there.end(),
                       [&](const RowFootprint& other) { return stayApart(print, other); });
  });
}

TEST(RowFootprints, SummaryOfABufferSaysWhatPairsSay) {
  std::mt19937 random(7);
  const auto below = [&](int bound) { return static_cast<int>(random() % bound); };
  int joined = 0, refused = 0;
  for (int trial = 0; trial < 4000; ++trial) {
    RowPrints prints;
    std::vector<RowFootprint> there;
    for (int call = 0; call < 6; ++call) {
      std::vector<RowFootprint> own;
      for (int i = below(3) + 1; i-- > 0;) {
        const int64_t low = below(8) ? below(3) : -1;
        own.push_back({below(2), below(8) ? 8 : 4 * below(2), low, low + below(7), below(3) == 0});
      }
      const bool expected = allApart(there, own);
      ASSERT_EQ(prints.join(own), expected) << "trial " << trial << ", call " << call;
      if (expected)
        there.insert(there.end(), own.begin(), own.end());
      (expected ? joined : refused) += !there.empty();
    }
  }
  EXPECT_GT(joined, 4000);
  EXPECT_GT(refused, 4000);
}

TEST(RowFootprints, CallsMeetWhereOneOfThemWrites) {
  TouchedBuffers touched;
  touched.add({{1, false}, {2, true}});
  EXPECT_FALSE(touched.meet({{1, false}, {3, true}}));
  EXPECT_TRUE(touched.meet({{1, true}}));
  EXPECT_TRUE(touched.meet({{3, true}, {2, false}}));
  touched.add({{1, true}});
  EXPECT_TRUE(touched.meet({{1, false}}));
  touched.add({{1, false}}); // what was written stays so
  EXPECT_TRUE(touched.meet({{1, false}}));
}

} // namespace
} // namespace diptych::codegen
