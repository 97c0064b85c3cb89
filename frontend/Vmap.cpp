// Where the batch of a vmap stands: the axes of arguments and results, and what does not fit.
#include <diptych/Vmap.h>

#include "autodiff/Batch.h"
#include "frontend/Ops.h"
#include "frontend/TransformSupport.h"

namespace diptych::detail {

namespace {

Value moveAxis(const Value& x, int64_t from, int64_t to) {
  if (from == to)
    return x;
  Dims permutation;
  for (int i = 0; i < x.rank(); ++i)
    permutation.push_back(i);
  permutation.erase(static_cast<int>(from));
  permutation.insert(static_cast<int>(to), from);
  return emitted::transpose(x, permutation);
}

std::string argumentText(size_t argument) { return "argument " + std::to_string(argument); }

/// Where the batch stands in each input, and how large it is.
class Plan {
public:
  Plan(const Request& request, ValueSpan inputs, const std::vector<LeafRange>& arguments,
       const BatchAxes& axes)
      : request_(request), axes_(inputs.size()) {
    if (axes.isList() && axes.size() != arguments.size())
      refuse(request, "in_axes for each of " + std::to_string(arguments.size()) + " arguments",
             std::to_string(axes.size()),
             "write unbatched for an argument that all examples share");
    for (size_t i = 0; i < arguments.size(); ++i)
      if (axes.at(i))
        for (int leaf = arguments[i].begin; leaf < arguments[i].end; ++leaf)
          add(i, static_cast<size_t>(leaf), inputs[static_cast<size_t>(leaf)], *axes.at(i));
    if (batch_ < 0)
      refuse(request, "at least one argument with a batch",
             axes.isList() || axes.at(0) ? "no tensor" : "none",
             "name an axis in in_axes, or call the function itself");
  }

  int64_t batch() const { return batch_; }
  /// Of one input; none where it is plain.
  const std::optional<int64_t>& axis(size_t leaf) const { return axes_[leaf]; }

private:
  void add(size_t argument, size_t leaf, const Value& value, int64_t axis) {
    const int rank = value.rank();
    if (axis < -rank || axis >= rank)
      refuse(request_, argumentText(argument) + " to have an axis " + std::to_string(axis),
             value.type().str(), "write unbatched in in_axes for what all examples share");
    axes_[leaf] = axis < 0 ? axis + rank : axis;
    const int64_t size = value.shape()[static_cast<int>(*axes_[leaf])];
    const std::string text = argumentText(argument) + " with " + std::to_string(size) + " (axis " +
                             std::to_string(axis) + " of " + value.type().str() + ")";
    if (batch_ < 0) {
      batch_ = size;
      first_ = text;
    } else if (size != batch_) {
      refuse(request_, "batches of one size", first_ + " and " + text,
             "name other axes in in_axes, or slice");
    }
  }

  const Request& request_;
  std::vector<std::optional<int64_t>> axes_;
  int64_t batch_ = -1;
  std::string first_;
};

// A result with its batch moved to where it was asked for.
Value placed(const Request& request, const autodiff::BatchEmitter& batching, const Value& output,
             size_t index, const std::optional<int64_t>& axis) {
  const std::string name = "result " + std::to_string(index);
  if (!axis) {
    if (batching.isBatched(output))
      refuse(request, name + " to be the same for every example",
             "one that depends on the batch, " + output.type().str() + " each",
             "name an axis for it in out_axes");
    return output;
  }
  const int rank = output.rank() + 1;
  if (*axis < -rank || *axis >= rank)
    refuse(request, name + " to have an axis " + std::to_string(*axis) + " for the batch",
           output.type().str() + " for each example",
           "choose one of " + std::to_string(rank) + " in out_axes");
  return moveAxis(batching.unwrap(output), 0, *axis < 0 ? *axis + rank : *axis);
}

} // namespace

Values mapped(const Request& request, const Function& f, ValueSpan inputs,
              const std::vector<LeafRange>& arguments, const BatchAxes& in, const BatchAxes& out) {
  return attributed(request, [&] {
    const Plan plan(request, inputs, arguments, in);
    autodiff::BatchEmitter batching(currentEmitter(), plan.batch());
    Values examples(inputs.begin(), inputs.end());
    {
      const LocationScope scope(request.where);
      for (size_t i = 0; i < examples.size(); ++i)
        if (plan.axis(i))
          examples[i] = batching.wrapBatched(moveAxis(examples[i], *plan.axis(i), 0));
    }
    Values outputs;
    {
      const EmitterScope scope(batching);
      outputs = f(examples);
    }
    if (out.isList() && out.size() != outputs.size())
      refuse(request, "out_axes for each of " + std::to_string(outputs.size()) + " results",
             std::to_string(out.size()), "give one axis for all, or one for each tensor");
    const LocationScope scope(request.where);
    for (size_t i = 0; i < outputs.size(); ++i)
      outputs[i] = presentable(placed(request, batching, outputs[i], i, out.at(i)));
    return outputs;
  });
}

} // namespace diptych::detail
