// The built-in market: the same bits everywhere, scores that are scores, returns worth optimising.
#include "tools/study/Market.h"
#include "tools/study/MarketStream.h"

#include <diptych/Error.h>

#include <eigen3/Eigen/Dense>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>

using namespace diptych::study;

namespace {

// FNV-1a over the bits of the numbers.
std::uint64_t checksum(const std::vector<double>& values) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (double value : values) {
    std::uint64_t bits = std::bit_cast<std::uint64_t>(value);
    for (int byte = 0; byte < 8; ++byte)
      hash = (hash ^ ((bits >> (8 * byte)) & 0xff)) * 0x100000001b3u;
  }
  return hash;
}

template <typename Action> std::string messageOf(Action action) {
  try {
    action();
  } catch (const diptych::Error& error) {
    return error.what();
  }
  return "no error";
}

} // namespace

TEST(Market, SameSeedGivesTheRecordedBits) {
  Panel panel = makeMarket(16, 8, 3, 42);
  EXPECT_EQ(checksum(panel.X), 0x3f7d8c51dc045b17u);
  EXPECT_EQ(checksum(panel.Y), 0x802477996125d706u);
  EXPECT_EQ(checksum(panel.volume), 0xa51361590f3b59du);
  EXPECT_EQ(checksum(makeCovariance(8, 42)), 0x9c230250cbb748dcu);
}

TEST(Market, AnotherSeedGivesAnotherMarket) {
  EXPECT_EQ(makeMarket(20, 5, 2, 1).Y, makeMarket(20, 5, 2, 1).Y);
  EXPECT_NE(makeMarket(20, 5, 2, 1).Y, makeMarket(20, 5, 2, 2).Y);
}

TEST(Market, ShapesAndLabelsAgree) {
  Panel panel = makeMarket(7, 4, 14, 3);
  EXPECT_EQ(panel.X.size(), 7u * 4 * 14);
  EXPECT_EQ(panel.Y.size(), 7u * 4);
  EXPECT_EQ(panel.volume.size(), 7u * 4);
  EXPECT_EQ(panel.factors.front(), "momentum");
  EXPECT_EQ(panel.factors.back(), "style_14");
  EXPECT_EQ(panel.symbols.back(), "S003");
  EXPECT_EQ(isoDate(panel.dates[0]), "2010-01-04");
  EXPECT_EQ(isoDate(panel.dates[5]), "2010-01-11"); // over a weekend
}

TEST(Market, ExposuresAreScoresOnEveryDay) {
  Panel panel = makeMarket(50, 30, 13, 5);
  for (std::size_t t = 0; t < panel.T; ++t)
    for (std::size_t k = 0; k < panel.K; ++k) {
      double mean = 0.0, square = 0.0;
      for (std::size_t n = 0; n < panel.N; ++n) {
        double x = panel.X[(t * panel.N + n) * panel.K + k];
        mean += x / 30;
        square += x * x / 30;
      }
      EXPECT_NEAR(mean, 0.0, 1e-13);
      EXPECT_NEAR(square, 1.0, 1e-12);
    }
}

TEST(Market, MomentumPersistsLongerThanReversal) {
  Panel panel = makeMarket(400, 50, 2, 6);
  auto autocorrelation = [&](std::size_t k) {
    double sum = 0.0;
    for (std::size_t t = 0; t + 1 < panel.T; ++t)
      for (std::size_t n = 0; n < panel.N; ++n)
        sum += panel.X[(t * panel.N + n) * panel.K + k] *
               panel.X[((t + 1) * panel.N + n) * panel.K + k];
    return sum / double((panel.T - 1) * panel.N);
  };
  EXPECT_NEAR(autocorrelation(0), 0.98, 0.01);
  EXPECT_NEAR(autocorrelation(1), 0.80, 0.02);
}

TEST(Market, ReturnsHaveFatTailsAndNoImpossibleLoss) {
  Panel panel = makeMarket(500, 100, 8, 7);
  double square = 0.0, fourth = 0.0, smallest = 0.0;
  for (double y : panel.Y) {
    square += y * y;
    fourth += y * y * y * y;
    smallest = std::min(smallest, y);
  }
  double count = double(panel.Y.size()), deviation = std::sqrt(square / count);
  EXPECT_GT(deviation, 0.015);
  EXPECT_LT(deviation, 0.04);
  EXPECT_GT(fourth / count / std::pow(deviation, 4), 5.0); // a normal has 3
  EXPECT_GE(smallest, -0.95);
}

TEST(Market, StreamsHaveTheirMoments) {
  MarketStream draw(8);
  constexpr int count = 200000;
  double bell = 0.0, bellSquare = 0.0, tailSquare = 0.0, uniform = 0.0;
  for (int i = 0; i < count; ++i) {
    double b = draw.bell(), f = draw.fatTailed(), u = draw.uniform();
    bell += b / count;
    bellSquare += b * b / count;
    tailSquare += f * f / count;
    uniform += u / count;
    ASSERT_TRUE(u > 0.0 && u < 1.0);
  }
  EXPECT_NEAR(bell, 0.0, 0.01);
  EXPECT_NEAR(bellSquare, 1.0, 0.02);
  EXPECT_NEAR(tailSquare, 1.0, 0.1);
  EXPECT_NEAR(uniform, 0.5, 0.005);
}

TEST(Market, CovarianceIsSymmetricAndWellAboveSingular) {
  constexpr int n = 120;
  std::vector<double> S = makeCovariance(n, 9);
  Eigen::Map<Eigen::MatrixXd> matrix(S.data(), n, n);
  EXPECT_EQ((matrix - matrix.transpose()).cwiseAbs().maxCoeff(), 0.0);
  Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(matrix);
  EXPECT_GE(solver.eigenvalues().minCoeff(), 0.01 - 1e-12);
}

TEST(Market, FlatCrossSectionsScoreZero) {
  std::vector<double> flat(5, 0.1 + 0.2), one{3.0};
  EXPECT_FALSE(zScore(flat.data(), 5, 1));
  EXPECT_EQ(flat, std::vector<double>(5, 0.0));
  EXPECT_FALSE(zScore(one.data(), 1, 1));
  EXPECT_EQ(one[0], 0.0);
}

TEST(Market, EmptySizesAreRefused) {
  EXPECT_EQ(messageOf([] { makeMarket(0, 3, 2, 1); }),
            "makeMarket: expected at least one day, stock and factor, got T=0, N=3, K=2; pass "
            "sizes of 1 or more");
  EXPECT_EQ(messageOf([] { makeCovariance(0, 1); }),
            "makeCovariance: expected at least one asset, got n=0; pass a size of 1 or more");
}
