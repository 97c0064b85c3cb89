// Trees: types made of tensors (Tensor, and pair, tuple, array, vector, map of trees), which
// transforms and jit take apart and put together. Own types join by a specialisation of Tree.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include <diptych/Tensor.h>

namespace diptych {

/// Says how to walk over the tensors of a T, always in the same order. A struct joins with
///   template <> struct diptych::Tree<Model> {
///     template <class M, class Visit> static void walk(M& m, Visit&& visit) {
///       visit(m.weight); visit(m.layers);
///     }
///   };
/// where M is Model or const Model. A visited number or enum becomes part of the kind of a jitted
/// call; what is not visited is copied along unchanged.
template <class T> struct Tree;

template <class T>
concept TreeLike = requires { sizeof(Tree<std::remove_cvref_t<T>>); };

template <> struct Tree<Tensor> {
  template <class T, class Visit> static void walk(T& tensor, Visit&& visit) { visit(tensor); }
};

template <TreeLike T, class Allocator> struct Tree<std::vector<T, Allocator>> {
  template <class V, class Visit> static void walk(V& trees, Visit&& visit) {
    for (auto& tree : trees)
      visit(tree);
  }
};

template <TreeLike T, size_t n> struct Tree<std::array<T, n>> {
  template <class A, class Visit> static void walk(A& trees, Visit&& visit) {
    for (auto& tree : trees)
      visit(tree);
  }
};

template <TreeLike A, TreeLike B> struct Tree<std::pair<A, B>> {
  template <class P, class Visit> static void walk(P& pair, Visit&& visit) {
    visit(pair.first);
    visit(pair.second);
  }
};

template <TreeLike... Ts> struct Tree<std::tuple<Ts...>> {
  template <class P, class Visit> static void walk(P& tuple, Visit&& visit) {
    std::apply([&](auto&... trees) { (visit(trees), ...); }, tuple);
  }
};

/// In the order of the keys.
template <class K, TreeLike T, class Less, class Allocator>
struct Tree<std::map<K, T, Less, Allocator>> {
  template <class M, class Visit> static void walk(M& map, Visit&& visit) {
    for (auto& entry : map)
      visit(entry.second);
  }
};

/// Calls leaf(Tensor&) or leaf(const Tensor&) on every tensor of a tree.
template <class T, class Leaf> void forEachLeaf(T& tree, Leaf&& leaf) {
  using Plain = std::remove_const_t<T>;
  if constexpr (std::is_same_v<Plain, Tensor>)
    leaf(tree);
  else if constexpr (!std::is_arithmetic_v<Plain> && !std::is_enum_v<Plain>)
    Tree<Plain>::walk(tree, [&](auto& part) { forEachLeaf(part, leaf); });
}

/// Appends the values of a tree's tensors.
template <TreeLike T> void flattenTree(const T& tree, Values& values) {
  forEachLeaf(tree, [&](const Tensor& tensor) { values.push_back(tensor.value()); });
}

template <TreeLike T> int countLeaves(const T& tree) {
  int count = 0;
  forEachLeaf(tree, [&](const Tensor&) { ++count; });
  return count;
}

/// A tree of the structure of `like` with its tensors taken from `values` in order.
template <TreeLike T> T unflattenTree(const T& like, ValueSpan values) {
  T tree = like;
  size_t next = 0;
  forEachLeaf(tree, [&](Tensor& tensor) { tensor = Tensor(values[next++]); });
  return tree;
}

} // namespace diptych
