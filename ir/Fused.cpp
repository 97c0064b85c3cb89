// The table of fused functions.
#include "ir/FusedTable.h"

#include "ir/FusedRolling.h"

namespace diptych {

using namespace rolling;

namespace {

constexpr unsigned kLine = kMixed | kOtherSquares, kAll = kSquares | kLine;

constexpr FusedPass sums{"rolling_sums_before", 1, 1, 2, sumsBefore};
constexpr FusedPass squares{"rolling_squares_before", 1, 1, 4, momentsBefore<1, kSquares>};
constexpr FusedPass mixed{"rolling_mixed_before", 2, 1, 6, momentsBefore<2, kMixed>};
constexpr FusedPass line{"rolling_line_before", 2, 1, 7, momentsBefore<2, kLine>};
constexpr FusedPass products{"rolling_products_before", 2, 1, 8, momentsBefore<2, kAll>};

constexpr FusedFunction table[] = {
    {Fused::RollingSum, sums, {"rolling_sum", 1, 1, 1, rolling::sum}},
    {Fused::RollingMean, sums, {"rolling_mean", 1, 1, 1, mean}},
    {Fused::RollingVar, squares, {"rolling_var", 1, 2, 1, var}},
    {Fused::RollingStd, squares, {"rolling_std", 1, 2, 1, stddev}},
    {Fused::RollingCov, mixed, {"rolling_cov", 2, 2, 1, cov}},
    {Fused::RollingCorr, products, {"rolling_corr", 2, 1, 1, corr}},
    {Fused::RollingSlope, line, {"rolling_slope", 2, 1, 1, slope}},
    {Fused::RollingResidual, line, {"rolling_residual", 2, 1, 1, residual}},
    {Fused::RollingRsquare, products, {"rolling_rsquare", 2, 1, 1, rsquare}},
};

static_assert([] {
  for (size_t i = 0; i < std::size(table); ++i)
    if (table[i].code != static_cast<Fused>(i))
      return false;
  return true;
}());

} // namespace

const FusedFunction& info(Fused code) { return table[static_cast<size_t>(code)]; }
std::span<const FusedFunction> allFused() { return table; }

} // namespace diptych
