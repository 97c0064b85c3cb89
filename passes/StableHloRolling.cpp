// Windows that roll along an axis, by order, as StableHLO: all elements of all windows beside each
// other. NaN is what a window lacks, at its start and elsewhere.
#include "passes/StableHloWriter.h"

#include <cmath>

namespace diptych::passes::hlo {

// [..., n, w, ...] for x's [..., n, ...], and where each element stands in x.
std::pair<Term, Term> Writer::rolling(const Term& x, int64_t axis, int64_t window) {
  const int64_t n = x.dim(axis), width = std::max<int64_t>(1, std::min(window, n));
  const llvm::SmallVector<int64_t> none(x.rank(), 0);
  llvm::SmallVector<int64_t> low = none;
  low[axis] = width - 1;
  const Term at = places(n, width, 1, 1);
  const Term elements = gather(pad(x, Scalar(std::nan("")), low, none, none), at, axis);
  const Term stands = binary("subtract", at, splat(at.type, Scalar(width - 1)));
  return {elements, broadcast(stands, {axis, axis + 1}, elements.type.getShape())};
}

Term Writer::rollingExtreme(const Term& x, const Attrs& attrs, bool largest) {
  const int64_t axis = attrs.axis;
  const auto [elements, stands] = rolling(x, axis, attrs.window[0]);
  const Term there = compare("EQ", elements, elements);
  const Term worst = splat(elements.type, Scalar(largest ? -INFINITY : INFINITY));
  const Term extreme = reduce(select(there, elements, worst),
                              largest ? OpCode::Maximum : OpCode::Minimum, {axis + 1});
  const Term best = broadcast(extreme, allBut(axis + 1, elements.rank()), elements.type.getShape());
  const Term none = splat(stands.type, Scalar(INT64_MAX));
  const Term found =
      reduce(select(compare("EQ", elements, best), stands, none), OpCode::Minimum, {axis + 1});
  const Term own = iota(x.type.getShape(), axis);
  return select(compare("LT", found, splat(found.type, Scalar(INT64_MAX))), found, own);
}

// So many are less; those equal share the mean of their ranks.
Term Writer::rollingRank(const Term& x, const Attrs& attrs) {
  const int64_t axis = attrs.axis;
  const Term elements = rolling(x, axis, attrs.window[0]).first;
  const Term own = broadcast(x, allBut(axis + 1, elements.rank()), elements.type.getShape());
  const auto count = [&](const char* direction) {
    return reduce(convert(compare(direction, elements, own), f64()), OpCode::Add, {axis + 1});
  };
  const Term less = count("LT"), equal = count("EQ");
  const Term mean = binary("multiply", binary("add", equal, splat(equal.type, Scalar(1.0))),
                           splat(equal.type, Scalar(0.5)));
  return select(isNan(x), x, convert(binary("add", less, mean), x.element()));
}

Term Writer::rollingSelect(const Term& x, const Term& k, const Attrs& attrs) {
  const int64_t axis = attrs.axis, rank = x.rank();
  const auto [elements, stands] = rolling(x, axis, attrs.window[0]);
  const Term present =
      reduce(convert(compare("EQ", elements, elements), i64()), OpCode::Add, {axis + 1});
  llvm::SmallVector<int64_t> last = allBut(axis + 1, rank + 1);
  last.push_back(axis + 1);
  const Term ordered = transpose(sorted(elements, stands, axis + 1, false)[1], last); // [x, w]
  llvm::SmallVector<int64_t> shape = k.shape(), around = counted(0, rank);
  shape.push_back(ordered.dim(rank));
  around.push_back(rank + 1);
  const Term wanted = broadcast(k, counted(0, rank + 1), shape); // [x, k, w]
  const Term is = compare("EQ", iota(shape, rank + 1), wanted);
  const Term zeros = splat(wanted.type, Scalar(int64_t{0}));
  const Term chosen =
      reduce(select(is, broadcast(ordered, around, shape), zeros), OpCode::Add, {rank + 1});
  const Term fits =
      binary("and", compare("GE", k, splat(k.type, Scalar(int64_t{0}))),
             compare("LT", k, broadcast(present, counted(0, rank), k.type.getShape())));
  return select(fits, chosen, iota(k.type.getShape(), axis));
}

} // namespace diptych::passes::hlo
