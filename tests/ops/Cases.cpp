// What all families share: views, and joining cases to one program.
#include "Cases.h"

#include <algorithm>

#include "ir/TypeRules.h"

namespace diptych::suite {

using namespace emitted;

const char* name(View view) {
  constexpr const char* names[] = {"plain",         "transposed",   "sliced", "reversed",
                                   "repeatedFirst", "repeatedLast", "splat",  "reshaped"};
  return names[static_cast<int>(view)];
}

bool applies(View view, const Shape& shape) {
  return view == View::plain || view == View::splat ||
         shape.size() >= (view == View::transposed ? 2 : 1);
}

Shape baseShape(View view, const Shape& shape) {
  Shape base = shape;
  switch (view) {
  case View::plain:
  case View::reversed: break;
  case View::transposed: std::reverse(base.begin(), base.end()); break;
  case View::sliced: base.back() = 2 * base.back() + 1; break;
  case View::repeatedFirst: base.erase(0); break;
  case View::repeatedLast: base.pop_back(); break;
  case View::splat: base = {}; break;
  case View::reshaped: base = {shape.product()}; break;
  }
  return base;
}

static Dims counted(int count, int64_t first) {
  Dims axes;
  for (int i = 0; i < count; ++i)
    axes.push_back(first + i);
  return axes;
}

Value seen(View view, const Value& base, const Shape& shape) {
  const int rank = shape.size();
  Dims axes = counted(rank, 0);
  switch (view) {
  case View::plain: return base;
  case View::reversed: return reverse(base, axes);
  case View::transposed: std::reverse(axes.begin(), axes.end()); return transpose(base, axes);
  case View::sliced: {
    Dims starts(rank, 0), strides(rank, 1);
    starts.back() = 1;
    strides.back() = 2;
    return slice(base, starts, base.shape(), strides);
  }
  case View::repeatedFirst: return broadcast(base, shape, counted(rank - 1, 1));
  case View::repeatedLast: return broadcast(base, shape, counted(rank - 1, 0));
  case View::splat: return broadcast(base, shape, {});
  case View::reshaped: return reshape(reverse(base, {0}), shape);
  }
  throw Error("no such view");
}

// FNV-1a.
uint64_t seedOf(const OpInfo& op) {
  uint64_t hash = 14695981039346656037U;
  for (char letter : std::string_view(op.name))
    hash = (hash ^ static_cast<unsigned char>(letter)) * 1099511628211U;
  return hash;
}

CaseList::CaseList(const OpInfo& op, DType dtype)
    : op(op), dtype(dtype), generator(seedOf(op) + static_cast<uint64_t>(dtype)) {}

Value CaseList::sample(const TensorType& type, int lane) {
  const bool given = op.domainLow < op.domainHigh;
  return grid(type, given ? op.domainLow : -3, given ? op.domainHigh : 3, lane, generator);
}

Case& CaseList::add(const std::string& label, Values inputs, const Attrs& attrs) {
  std::string text = label + "(";
  for (const Value& input : inputs)
    text += (text.back() == '(' ? "" : ", ") + input.type().str();
  cases.push_back({text + ")", std::move(inputs), [code = op.code, attrs](ValueSpan operands) {
                     return currentEmitter().emit(code, operands, attrs);
                   }});
  return cases.back();
}

void CaseList::addViewed(View view, const std::vector<TensorType>& types,
                         const std::vector<bool>& viewed, const Attrs& attrs,
                         const std::function<Value(const TensorType&, size_t)>& make) {
  Values bases;
  for (size_t i = 0; i < types.size(); ++i) {
    if (viewed[i] && !applies(view, types[i].shape))
      return;
    const Shape shape = viewed[i] ? baseShape(view, types[i].shape) : types[i].shape;
    bases.push_back(make({types[i].dtype, shape}, i));
  }
  const auto view1 = [=](ValueSpan values) {
    Values operands(values.begin(), values.end());
    for (size_t i = 0; i < operands.size(); ++i)
      if (viewed[i])
        operands[i] = seen(view, operands[i], types[i].shape);
    return operands;
  };
  Case& before = add(std::string(suite::name(view)) + " before", view1(bases), attrs);
  // Repeated elements that differences move apart are ties.
  before.smooth = view != View::repeatedFirst && view != View::repeatedLast && view != View::splat;
  Case inside = before;
  inside.smooth = true;
  inside.label = std::string(suite::name(view)) + " inside: " + before.label;
  inside.inputs = bases;
  inside.program = [apply = before.program, view1](ValueSpan values) {
    return apply(view1(values));
  };
  cases.push_back(std::move(inside));
}

// In f32 between conversions, an operator has no kernel of its own for bf16 and f16: the first
// cases, which hold all special values, and every fourth behind them.
static void keepSome(std::vector<Case>& cases) {
  size_t number = 0;
  std::erase_if(cases, [&](const Case&) { return ++number > 4 && number % 4 != 0; });
}

std::vector<Case> casesOf(const OpInfo& op, DType dtype) {
  CaseList list(op, dtype);
  switch (op.family) {
  case Family::Pointwise: pointwiseCases(list); break;
  case Family::Creation: creationCases(list); break;
  case Family::Movement: movementCases(list); break;
  case Family::Reduction:
  case Family::ArgReduction: reductionCases(list); break;
  case Family::Cumulative: cumulativeCases(list); break;
  case Family::Matmul: matmulCases(list); break;
  case Family::Convolution: convolutionCases(list); break;
  case Family::OverlapAdd: overlapAddCases(list); break;
  case Family::Gather:
  case Family::ScatterAdd: indexingCases(list); break;
  case Family::Library: libraryCases(list); break;
  }
  if (list.cases.empty())
    throw Error(std::string(op.name) + ": the suite has no sampler for its family or type rule");
  if (isHalf(dtype) && op.widensHalves())
    keepSome(list.cases);
  return std::move(list.cases);
}

Joined join(const std::vector<Case>& cases) {
  Joined joined;
  for (const Case& each : cases)
    joined.inputs.insert(joined.inputs.end(), each.inputs.begin(), each.inputs.end());
  joined.program = [cases](ValueSpan inputs) {
    Values results;
    size_t next = 0;
    for (const Case& each : cases) {
      results.push_back(each.program(inputs.subspan(next, each.inputs.size())));
      next += each.inputs.size();
    }
    return results;
  };
  return joined;
}

} // namespace diptych::suite
