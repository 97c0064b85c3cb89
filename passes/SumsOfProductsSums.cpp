// The order in which axes are summed, and which factors meet where.
#include "passes/SumsOfProducts.h"

namespace diptych::passes {

using namespace mlir;

std::optional<Form> SumsOfProducts::sum(const Form& form, AxisSet over, double& flops) {
  Form result = form;
  for (Term& term : result.terms) {
    auto summed = contract(term, over, form.extents, flops);
    if (!summed)
      return std::nullopt;
    term = *summed;
  }
  return result;
}

namespace {

double elementsOf(AxisSet set, ArrayRef<int64_t> extents) {
  double count = 1;
  for (const auto& [axis, extent] : llvm::enumerate(extents))
    if (set >> axis & 1)
      count *= static_cast<double>(extent);
  return count;
}

// Factors over the same axes, or over some of another's, are one where they are summed together.
using Group = std::pair<AxisSet, SmallVector<Factor, 4>>;

SmallVector<Group> groupsOf(const Term& term) {
  SmallVector<Group> groups;
  for (const Factor& factor : term.factors) {
    auto* known = llvm::find_if(groups, [&](const Group& g) { return g.first == factor.set(); });
    if (known == groups.end())
      known = &groups.emplace_back(factor.set(), SmallVector<Factor, 4>());
    known->second.push_back(factor);
  }
  return groups;
}

// What is multiplied before it is summed over an axis: the union of all that have it.
AxisSet neighbours(int axis, ArrayRef<Group> groups) {
  AxisSet set = 0;
  for (const Group& group : groups)
    if (group.first >> axis & 1)
      set |= group.first;
  return set;
}

// Axes that can be summed together at the least cost.
AxisSet cheapest(AxisSet over, ArrayRef<Group> groups, ArrayRef<int64_t> extents) {
  AxisSet best = 0, joint = 0;
  for (int axis = 0; axis < static_cast<int>(extents.size()); ++axis) {
    if (!(over >> axis & 1))
      continue;
    const AxisSet set = neighbours(axis, groups);
    const double cost = elementsOf(set, extents), least = elementsOf(joint, extents);
    if (best && set == joint)
      best |= AxisSet{1} << axis;
    else if (!best || cost < least)
      best = AxisSet{1} << axis, joint = set;
  }
  return best;
}

// The smallest group joins the smallest that has all of its axes, the last of these.
bool mergeOne(SmallVectorImpl<Group>& groups) {
  llvm::stable_sort(groups, [](const Group& a, const Group& b) {
    return llvm::popcount(a.first) < llvm::popcount(b.first);
  });
  for (size_t i = 0; i < groups.size(); ++i) {
    Group* target = nullptr;
    for (size_t j = i + 1; j < groups.size(); ++j)
      if ((groups[i].first & ~groups[j].first) == 0 &&
          (!target || llvm::popcount(groups[j].first) == llvm::popcount(target->first)))
        target = &groups[j];
    if (!target)
      continue;
    target->second.append(groups[i].second.begin(), groups[i].second.end());
    groups.erase(groups.begin() + static_cast<ptrdiff_t>(i));
    return true;
  }
  return false;
}

// Groups of which none is part of another become two, which have the fewest elements together;
// how many are to be made.
double joinInTwo(SmallVectorImpl<Group>& groups, ArrayRef<int64_t> extents) {
  const auto jointly = [&](uint32_t which) {
    AxisSet set = 0;
    for (size_t i = 0; i < groups.size(); ++i)
      if (which >> i & 1)
        set |= groups[i].first;
    return llvm::popcount(which) > 1 ? elementsOf(set, extents) : 0.0;
  };
  const uint32_t all = (uint32_t{1} << groups.size()) - 1;
  uint32_t best = 1;
  for (uint32_t which = 1; which < all; which += 2) // the first group is in it
    if (jointly(which) + jointly(all & ~which) < jointly(best) + jointly(all & ~best))
      best = which;
  const double made = jointly(best) + jointly(all & ~best);
  Group two[2];
  for (size_t i = 0; i < groups.size(); ++i) {
    Group& side = two[best >> i & 1];
    side.first |= groups[i].first;
    side.second.append(groups[i].second.begin(), groups[i].second.end());
  }
  groups.assign({two[1], two[0]});
  return made;
}

} // namespace

// sum over q of I[p,q] f[q] = f[p]: an identity gives an axis another name. Not where a factor has
// both already, whose diagonal would be asked for.
void SumsOfProducts::follow(Term& term, AxisSet& over) const {
  for (size_t i = 0; i < term.factors.size(); ++i) {
    const Factor own = term.factors[i];
    if (!isIdentity(own) || !(own.set() & over))
      continue;
    term.factors.erase(term.factors.begin() + static_cast<ptrdiff_t>(i));
    const auto* both = llvm::find_if(
        term.factors, [&](const Factor& factor) { return (own.set() & ~factor.set()) == 0; });
    if (both != term.factors.end() && isIdentity(*both)) { // I I = I
      i = static_cast<size_t>(-1);
      continue;
    }
    if (both != term.factors.end()) {
      term.factors.insert(term.factors.begin() + static_cast<ptrdiff_t>(i), own);
      continue;
    }
    const bool first = over >> own.axes[0] & 1;
    const int gone = own.axes[first ? 0 : 1], stays = own.axes[first ? 1 : 0];
    for (Factor& factor : term.factors)
      llvm::replace(factor.axes, gone, stays);
    over &= ~(AxisSet{1} << gone);
    i = static_cast<size_t>(-1); // a name that is new may meet another identity
  }
}

// Eliminates axes one set after the other, as in a network of sums and products: factors without
// the axis stay outside of the sum.
std::optional<Term> SumsOfProducts::contract(Term term, AxisSet over, ArrayRef<int64_t> extents,
                                             double& flops) {
  follow(term, over);
  while (over) {
    SmallVector<Group> inside, outside;
    const SmallVector<Group> groups = groupsOf(term);
    AxisSet axes = cheapest(over, groups, extents);
    for (const Group& group : groups)
      ((group.first & axes) ? inside : outside).push_back(group);
    while (inside.size() > 2)
      if (!mergeOne(inside))
        flops += joinInTwo(inside, extents);
    if (inside.size() == 2 && (axes & inside[0].first & inside[1].first) == 0) {
      outside.push_back(inside[1]);
      inside.pop_back();
      axes &= inside[0].first;
    }
    Term rest{term.scale, {}};
    for (const Group& group : outside)
      rest.factors.append(group.second);
    if (inside.empty()) {
      rest.scale *= elementsOf(axes, extents);
    } else if (inside.size() == 1) {
      rest.factors.push_back(sumOf(multiply(inside[0].second, extents), axes, flops));
    } else {
      axes &= inside[0].first & inside[1].first;
      rest.factors.push_back(matmul(inside[0].second, inside[1].second, axes, extents, flops));
    }
    term = rest;
    over &= ~axes;
  }
  sortFactors(term);
  return term;
}

} // namespace diptych::passes
