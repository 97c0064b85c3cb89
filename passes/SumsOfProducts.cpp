// Which operations keep sums of products what they are, and what their axes are.
#include "passes/SumsOfProducts.h"

#include "passes/Identity.h"

#include <cmath>

namespace diptych::passes {

using namespace mlir;

namespace {

constexpr size_t kMaxTerms = 12;
constexpr size_t kMaxFactors = 12;
constexpr int kMaxSteps = 512;
// Sums of what has fewer axes are arrays like any other.
constexpr int kMinRank = 3;

TensorType typeOf(Value value) { return ir::tensorTypeOf(value.getType()); }

bool standsBefore(Value a, Value b) {
  Operation *x = a.getDefiningOp(), *y = b.getDefiningOp();
  if (!x || !y)
    return x == y ? cast<BlockArgument>(a).getArgNumber() < cast<BlockArgument>(b).getArgNumber()
                  : !x;
  return x != y && x->isBeforeInBlock(y);
}

bool sameFactors(const Term& a, const Term& b) {
  return a.factors.size() == b.factors.size() &&
         llvm::all_of(llvm::zip(a.factors, b.factors), [](const auto& pair) {
           return std::get<0>(pair).value == std::get<1>(pair).value &&
                  std::get<0>(pair).axes == std::get<1>(pair).axes;
         });
}

std::optional<Term> productOf(const Term& a, const Term& b) {
  Term term = a;
  term.scale *= b.scale;
  term.factors.append(b.factors.begin(), b.factors.end());
  if (term.factors.size() > kMaxFactors || !std::isnormal(term.scale))
    return std::nullopt;
  sortFactors(term);
  return term;
}

} // namespace

void sortFactors(Term& term) {
  llvm::stable_sort(term.factors, [](const Factor& a, const Factor& b) {
    return a.value != b.value && standsBefore(a.value, b.value);
  });
}

bool SumsOfProducts::hasIdentity(const Form& form) const {
  return llvm::any_of(form.terms, [&](const Term& term) {
    return llvm::any_of(term.factors, [&](const Factor& factor) { return isIdentity(factor); });
  });
}

AxisSet Factor::set() const {
  AxisSet set = 0;
  for (int axis : axes)
    set |= AxisSet{1} << axis;
  return set;
}

int64_t Form::numel() const {
  int64_t count = 1;
  for (int64_t extent : extents)
    count *= extent;
  return count;
}

Form SumsOfProducts::of(Value value) {
  if (auto known = forms_.find(value); known != forms_.end())
    return known->second;
  Operation* op = value.getDefiningOp();
  const std::optional<OpCode> code = op ? ir::opCodeOf(op) : std::nullopt;
  const bool opens = code && isFloat(typeOf(value).dtype) && ++steps_ <= kMaxSteps;
  Form form = opens ? formOf(op, *code) : leaf(value);
  if (form.terms.size() > kMaxTerms)
    form = leaf(value);
  return forms_[value] = form;
}

Form SumsOfProducts::formOf(Operation* op, OpCode code) {
  Value result = op->getResult(0);
  const auto splat = ir::splatOf(result);
  if (splat && !splat->isInteger && std::isnormal(splat->floating)) {
    Form form = leaf(result);
    form.terms[0] = {splat->floating, {}};
    return form;
  }
  switch (code) {
  case OpCode::Neg: {
    Form form = of(op->getOperand(0));
    for (Term& term : form.terms)
      term.scale = -term.scale;
    return form;
  }
  case OpCode::StopGradient: return of(op->getOperand(0));
  case OpCode::Add: return added(op, false);
  case OpCode::Sub: return added(op, true);
  case OpCode::Mul: return multiplied(op);
  case OpCode::Div: return divided(op);
  default: {
    const auto form = moved(op, code, [&](Value x) { return of(x); });
    return form ? *form : leaf(result);
  }
  }
}

std::optional<Form> SumsOfProducts::moved(Operation* op, OpCode code,
                                          function_ref<Form(Value)> formOf) {
  switch (code) {
  case OpCode::Broadcast: return broadcast(op, formOf(op->getOperand(0)));
  case OpCode::Transpose: return transposed(op, formOf(op->getOperand(0)));
  case OpCode::Reshape: return reshaped(op, formOf(op->getOperand(0)));
  default: return std::nullopt;
  }
}

Form SumsOfProducts::oneFactor(Value value) {
  Operation* op = value.getDefiningOp();
  const std::optional<OpCode> code = op ? ir::opCodeOf(op) : std::nullopt;
  const auto form = code ? moved(op, *code, [&](Value x) { return oneFactor(x); }) : std::nullopt;
  return form ? *form : leaf(value);
}

Form SumsOfProducts::leaf(Value value) {
  Form form;
  Factor factor{value, {}};
  Shape squeezed;
  for (int64_t extent : typeOf(value).shape)
    if (extent != 1) {
      factor.axes.push_back(form.rank());
      form.extents.push_back(extent);
      squeezed.push_back(extent);
    }
  if (squeezed.size() != typeOf(value).rank())
    factor.value = reshape(value, squeezed);
  if (isIdentityMatrix(value))
    identities_.insert(value);
  form.terms.push_back({1, {factor}});
  return form;
}

//===-- Operations ---------------------------------------------------------------------------===//

Form SumsOfProducts::added(Operation* op, bool minus) {
  Form a = of(op->getOperand(0)), b = of(op->getOperand(1));
  if (!refine(a, b) || (a.rank() < kMinRank && !hasIdentity(a) && !hasIdentity(b)))
    return leaf(op->getResult(0));
  for (Term term : b.terms) {
    term.scale = minus ? -term.scale : term.scale;
    auto* same = llvm::find_if(a.terms, [&](const Term& own) { return sameFactors(own, term); });
    if (same == a.terms.end())
      a.terms.push_back(term);
    else if (same->scale == -term.scale) // a term of zero still says where NaN comes from
      return leaf(op->getResult(0));
    else
      same->scale += term.scale;
  }
  return a;
}

// What multiplies an identity is read where the identity says: nothing is gained by its terms.
Form SumsOfProducts::multiplied(Operation* op) {
  Form a = of(op->getOperand(0)), b = of(op->getOperand(1));
  const bool isUnit = hasIdentity(a);
  if (isUnit != hasIdentity(b)) {
    Form& other = isUnit ? b : a;
    if (other.terms.size() > 1)
      other = oneFactor(op->getOperand(isUnit ? 1 : 0));
  }
  if (refine(a, b))
    if (auto form = product(a, b))
      return *form;
  return leaf(op->getResult(0));
}

// x / d = x (1 / d) where d is one smaller array.
Form SumsOfProducts::divided(Operation* op) {
  Form a = of(op->getOperand(0)), b = of(op->getOperand(1));
  if (!refine(a, b) || b.terms.size() != 1)
    return leaf(op->getResult(0));
  Term& divisor = b.terms[0];
  if (!std::isnormal(1 / divisor.scale))
    return leaf(op->getResult(0));
  divisor.scale = 1 / divisor.scale;
  for (Factor& factor : divisor.factors) {
    if (factor.set() == b.all())
      return leaf(op->getResult(0));
    factor.value = inverse(factor.value);
  }
  const auto form = product(a, b);
  return form ? *form : leaf(op->getResult(0));
}

Form SumsOfProducts::broadcast(Operation* op, const Form& form) {
  const Shape from = typeOf(op->getOperand(0)).shape, to = typeOf(op->getResult(0)).shape;
  const Attrs attrs = ir::attrsOf(op);
  const auto ranges = rangesOf(form, from);
  SmallVector<int> place(form.rank(), 0);
  Form wide;
  for (int axis = 0; axis < to.size(); ++axis) {
    const auto* source = llvm::find(attrs.axes, axis);
    if (source == attrs.axes.end()) {
      if (to[axis] != 1)
        wide.extents.push_back(to[axis]);
      continue;
    }
    const AxisRange range = ranges[source - attrs.axes.begin()];
    for (int i = range.first; i < range.last; ++i) {
      place[i] = wide.rank();
      wide.extents.push_back(form.extents[i]);
    }
  }
  wide.terms = form.terms;
  for (Term& term : wide.terms)
    for (Factor& factor : term.factors)
      for (int& axis : factor.axes)
        axis = place[axis];
  return wide;
}

Form SumsOfProducts::transposed(Operation* op, const Form& form) {
  const auto ranges = rangesOf(form, typeOf(op->getOperand(0)).shape);
  SmallVector<int> place(form.rank(), 0);
  Form turned;
  for (int64_t source : ir::attrsOf(op).axes)
    for (int i = ranges[source].first; i < ranges[source].last; ++i) {
      place[i] = turned.rank();
      turned.extents.push_back(form.extents[i]);
    }
  turned.terms = form.terms;
  for (Term& term : turned.terms)
    for (Factor& factor : term.factors)
      for (int& axis : factor.axes)
        axis = place[axis];
  return turned;
}

Form SumsOfProducts::reshaped(Operation* op, Form form) {
  Form shape = leaf(op->getResult(0));
  const Form whole = shape;
  return refine(form, shape) ? form : whole;
}

//===-- Axes ---------------------------------------------------------------------------------===//

SmallVector<AxisRange> SumsOfProducts::rangesOf(const Form& form, const Shape& shape) {
  SmallVector<AxisRange> ranges;
  int next = 0;
  for (int64_t extent : shape) {
    AxisRange range{next, next};
    for (int64_t covered = 1; covered < extent; covered *= form.extents[range.last++]) {
    }
    ranges.push_back(range);
    next = range.last;
  }
  return ranges;
}

// The axis, and all that identities tie to it.
AxisSet SumsOfProducts::cutWith(const Form& form, int axis) const {
  AxisSet axes = AxisSet{1} << axis;
  for (AxisSet before = 0; before != axes;) {
    before = axes;
    for (const Term& term : form.terms)
      for (const Factor& factor : term.factors)
        if (isIdentity(factor) && (factor.set() & axes))
          axes |= factor.set();
  }
  return axes;
}

// Axes of extent e become two, of extents `outer` and e / outer; an identity becomes two.
void SumsOfProducts::cut(Form& form, AxisSet axes, int64_t outer) {
  const auto placeOf = [&](int axis) {
    return axis + llvm::popcount(axes & ((AxisSet{1} << axis) - 1));
  };
  const auto isCut = [&](int axis) { return (axes >> axis & 1) != 0; };
  const int64_t inner = form.extents[llvm::countr_zero(axes)] / outer;
  for (Term& term : form.terms) {
    SmallVector<Factor, 4> factors;
    for (Factor& factor : term.factors) {
      Factor next{factor.value, {}};
      Shape shape;
      for (int own : factor.axes) {
        next.axes.push_back(placeOf(own));
        shape.push_back(isCut(own) ? outer : form.extents[own]);
        if (isCut(own)) {
          next.axes.push_back(placeOf(own) + 1);
          shape.push_back(inner);
        }
      }
      if (isIdentity(factor) && next.axes.size() == 4) {
        const DType dtype = typeOf(factor.value).dtype;
        factors.push_back({identity(outer, dtype), {next.axes[0], next.axes[2]}});
        factors.push_back({identity(inner, dtype), {next.axes[1], next.axes[3]}});
        continue;
      }
      if (next.axes.size() != factor.axes.size())
        next.value = reshape(factor.value, shape);
      factors.push_back(next);
    }
    term.factors = std::move(factors);
    sortFactors(term);
  }
  for (int axis = form.rank() - 1; axis >= 0; --axis)
    if (isCut(axis)) {
      form.extents[axis] = outer;
      form.extents.insert(form.extents.begin() + axis + 1, inner);
    }
}

bool SumsOfProducts::refine(Form& a, int i, int aEnd, Form& b, int j, int bEnd) {
  const auto cutOne = [&](Form& form, int& place, int& end, int64_t outer) {
    const AxisSet axes = cutWith(form, place);
    if (form.rank() + llvm::popcount(axes) > kMaxRank)
      return false;
    const auto before = [&](int axis) { return llvm::popcount(axes & ((AxisSet{1} << axis) - 1)); };
    cut(form, axes, outer);
    end += before(end), place += before(place);
    return true;
  };
  while (i < aEnd && j < bEnd) {
    const int64_t x = a.extents[i], y = b.extents[j];
    if (x == 0 || y == 0 || (x > y ? x % y : y % x) != 0)
      return false;
    if ((x > y && !cutOne(a, i, aEnd, y)) || (y > x && !cutOne(b, j, bEnd, x)))
      return false;
    ++i, ++j;
  }
  return i == aEnd && j == bEnd;
}

bool SumsOfProducts::refine(Form& a, Form& b) {
  do {
    if (!refine(a, 0, a.rank(), b, 0, b.rank()))
      return false;
  } while (a.extents != b.extents);
  return true;
}

//===-- Products and sums --------------------------------------------------------------------===//

// A product of two sums is not multiplied out: (x - m) (x - m) would lose its digits.
std::optional<Form> SumsOfProducts::product(const Form& a, const Form& b) {
  if (a.terms.size() > 1 && b.terms.size() > 1)
    return std::nullopt;
  Form form;
  form.extents = a.extents;
  for (const Term& x : a.terms)
    for (const Term& y : b.terms) {
      const auto term = productOf(x, y);
      if (!term)
        return std::nullopt;
      form.terms.push_back(*term);
    }
  return form;
}

} // namespace diptych::passes
