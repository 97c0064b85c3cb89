// vmap: a function written for one example, run on a batch of them. Owns how axes are chosen; what
// an operator does with a batch is the batching rules' business.
#pragma once

#include <diptych/Transforms.h>

#include <initializer_list>
#include <optional>
#include <vector>

namespace diptych {

/// In the place of an axis: the argument or result is the same for every example.
inline constexpr std::nullopt_t unbatched = std::nullopt;

/// Which axis counts the examples: one answer for all arguments (or results), or a list with one
/// entry for each, as in {0, unbatched, -1}. A negative axis counts from the last. A parameter
/// type.
class BatchAxes {
public:
  using Axis = std::optional<int64_t>;
  template <std::integral T>
    requires(!std::is_same_v<T, bool>)
  BatchAxes(T axis) : common_(static_cast<int64_t>(axis)) {}
  BatchAxes(std::nullopt_t) {}
  BatchAxes(std::initializer_list<Axis> axes) : isList_(true), list_(axes) {}
  BatchAxes(std::vector<Axis> axes) : isList_(true), list_(std::move(axes)) {}

  bool isList() const { return isList_; }
  size_t size() const { return list_.size(); }
  const Axis& at(size_t i) const { return isList_ ? list_.at(i) : common_; }

private:
  bool isList_ = false;
  Axis common_;
  std::vector<Axis> list_;
};

namespace detail {

/// f's results for every example, with the batch where `out` says.
Values mapped(const Request& request, const Function& f, ValueSpan inputs,
              const std::vector<LeafRange>& arguments, const BatchAxes& in, const BatchAxes& out);

template <class F> class VmapFunction {
public:
  VmapFunction(F f, BatchAxes in, BatchAxes out, Request request)
      : f_(std::move(f)), in_(std::move(in)), out_(std::move(out)), request_(request) {}

  template <class... Args> auto operator()(Args&&... arguments) const {
    Call<F, Args...> call(f_, arguments...);
    return call.result(mapped(request_, call.function(), call.inputs(), call.ranges(), in_, out_));
  }

private:
  mutable F f_;
  BatchAxes in_, out_;
  Request request_;
};

} // namespace detail

/// f for every example at once: vmap(f)(xs, ys) is what stacking f(xs[i], ys[i]) over i would give,
/// in one pass. `in_axes`: the axis of each argument (of every tensor in it, where it is a tree)
/// that counts the examples, `unbatched` for one that all share; `out_axes`: where the batch stands
/// in the results, one entry for all or for each tensor; `unbatched` there asks for a result that
/// is the same for every example, and is an Error if it is not. Tensors that f captures are shared.
/// At least one argument is batched, and all batched ones have one size, which may be 0.
///   auto each = vmap(grad(loss), {unbatched, 0, 0});   // gradients of single examples
template <detail::Callable F>
auto vmap(F&& f, BatchAxes in_axes = 0, BatchAxes out_axes = 0,
          std::source_location where = std::source_location::current()) {
  return detail::VmapFunction<std::decay_t<F>>(std::forward<F>(f), std::move(in_axes),
                                               std::move(out_axes), {"vmap", where});
}

} // namespace diptych
