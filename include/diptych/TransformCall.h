// A call of a user's function seen as a function of its tensors, and how one of its arguments is
// chosen: what all transforms are made with. Differentiates nothing.
#pragma once

#include <diptych/Tree.h>

namespace diptych {

namespace detail {

/// Which transform was asked for, and on which line: for messages.
struct Request {
  const char* transform;
  SourceLocation where;
};

struct Swept {
  Values outputs, derivatives;
};

/// Leaves [begin, end) of a call belong to one of its arguments.
struct LeafRange {
  int begin, end;
};

/// The one leaf of argument `argnum`; Error where the argument does not exist or is not one tensor.
int leafOf(const Request& request, const std::vector<LeafRange>& arguments, int argnum);

template <class T>
concept ConvertsToTensor = !TreeLike<T> && std::is_convertible_v<T, Tensor>;

template <class A> struct ParameterOf {
  using Plain = std::remove_cvref_t<A>;
  // Trees by value, since their tensors are exchanged; what holds no tensor is passed as it came.
  using type = std::conditional_t<
      TreeLike<Plain>, Plain,
      std::conditional_t<ConvertsToTensor<Plain>, Tensor, std::remove_reference_t<A>&>>;
};
template <class A> using Parameter = typename ParameterOf<A>::type;

template <class R>
using TreeResult =
    std::conditional_t<ConvertsToTensor<std::remove_cvref_t<R>>, Tensor, std::remove_cvref_t<R>>;

template <class T> constexpr bool holdsTensors = TreeLike<T> || ConvertsToTensor<T>;

/// A call f(arguments...) seen as a function of its tensors.
template <class F, class... Args> class Call {
public:
  using Parameters = std::tuple<Parameter<Args>...>;
  static_assert(std::is_invocable_v<F&, std::add_lvalue_reference_t<Parameter<Args>>...>,
                "the function cannot be called with these arguments");
  using Result =
      TreeResult<std::invoke_result_t<F&, std::add_lvalue_reference_t<Parameter<Args>>...>>;
  static_assert(TreeLike<Result>, "a transformed function returns tensors: a Tensor, or a pair, "
                                  "tuple, vector, array or map of them (see Tree.h)");
  template <size_t i> using ParameterAt = std::tuple_element_t<i, Parameters>;

  Call(F& f, Args&... arguments) : f_(f), parameters_(arguments...) {
    inputs_.reserve(sizeof...(Args));
    size_t i = 0;
    std::apply([&](auto&... parameter) { ((ranges_[i++] = collect(parameter)), ...); },
               parameters_);
  }

  ValueSpan inputs() const { return inputs_; }
  std::vector<LeafRange> ranges() const { return {ranges_.begin(), ranges_.end()}; }
  std::span<const LeafRange> leaves() const { return ranges_; }

  /// f as a function of the tensors. Keeps the structure of its result for result().
  Function function() {
    return [this](ValueSpan inputs) {
      Parameters parameters = parameters_;
      size_t next = 0;
      std::apply([&](auto&... parameter) { (exchange(parameter, inputs, next), ...); }, parameters);
      result_ =
          std::apply([&](auto&... parameter) -> Result { return f_(parameter...); }, parameters);
      Values outputs;
      flattenTree(*result_, outputs);
      return outputs;
    };
  }

  /// The structure of what f returned, its tensors empty.
  Result structure() const {
    Result tree = *result_;
    forEachLeaf(tree, [](Tensor& tensor) { tensor = Tensor(); });
    return tree;
  }
  /// `values` in the structure of what f returned, and in that of argument i.
  Result result(ValueSpan values) const { return unflattenTree(*result_, values); }
  template <size_t i> auto likeArgument(ValueSpan values) const {
    static_assert(TreeLike<ParameterAt<i>>, "only an argument that holds tensors can be "
                                            "differentiated; choose another by its number");
    return unflattenTree(std::get<i>(parameters_), values);
  }

private:
  template <class P> LeafRange collect(const P& parameter) {
    const int begin = static_cast<int>(inputs_.size());
    if constexpr (TreeLike<P>)
      flattenTree(parameter, inputs_);
    return {begin, static_cast<int>(inputs_.size())};
  }
  template <class P> static void exchange(P& parameter, ValueSpan inputs, size_t& next) {
    if constexpr (TreeLike<P>)
      forEachLeaf(parameter, [&](Tensor& tensor) { tensor = Tensor(inputs[next++]); });
  }

  F& f_;
  Parameters parameters_;
  Values inputs_;
  std::array<LeafRange, sizeof...(Args)> ranges_;
  std::optional<Result> result_;
};

/// Argument 0, whatever tree it is; its gradient has its type.
struct FirstArgument {
  template <class Call> std::vector<int> leaves(const Request&, const Call& call) const {
    std::vector<int> leaves;
    for (int leaf = call.ranges()[0].begin; leaf < call.ranges()[0].end; ++leaf)
      leaves.push_back(leaf);
    return leaves;
  }
  template <class Call> auto pack(const Call& call, ValueSpan values) const {
    return call.template likeArgument<0>(values);
  }
};

/// One argument by its number; it is a single tensor.
struct OneArgument {
  int argnum;
  template <class Call> std::vector<int> leaves(const Request& request, const Call& call) const {
    return {leafOf(request, call.ranges(), argnum)};
  }
  template <class Call> Tensor pack(const Call&, ValueSpan values) const {
    return Tensor(values[0]);
  }
};

/// Several arguments by their numbers, each a single tensor.
struct ManyArguments {
  std::vector<int> argnums;
  template <class Call> std::vector<int> leaves(const Request& request, const Call& call) const {
    std::vector<int> leaves;
    for (int argnum : argnums)
      leaves.push_back(leafOf(request, call.ranges(), argnum));
    return leaves;
  }
  template <class Call> std::vector<Tensor> pack(const Call&, ValueSpan values) const {
    std::vector<Tensor> tensors;
    for (const Value& value : values)
      tensors.emplace_back(value);
    return tensors;
  }
};

// A function to be transformed: not itself a tensor or a tree of them.
template <class F>
concept Callable = !TreeLike<F> && !ConvertsToTensor<std::decay_t<F>>;

} // namespace detail
} // namespace diptych
