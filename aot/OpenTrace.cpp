// The function is traced for the samples, from which the plan is made, and for sizes far from them:
// a function that asks for sizes in C++ would be another one there. What it does between all these
// sizes can't be seen.
#include "aot/OpenTrace.h"

#include "aot/OpenPlan.h"
#include "aot/SizedText.h"
#include "frontend/TensorImpl.h"
#include "frontend/Trace.h"
#include "ir/Dialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <set>

namespace diptych::aot {

bool hasOpenShapes(const Options& options, const std::vector<std::string>& inputNames) {
  for (const std::string& name : inputNames)
    if (auto found = options.shapes.find(name); found != options.shapes.end())
      for (const auto& size : found->second)
        if (std::holds_alternative<Dim>(size))
          return true;
  return false;
}

namespace {

// Examples that are smaller say nothing of typical sizes.
constexpr int64_t kLeastTypical = 64, kUsualSize = 1009;

class OpenTracing {
public:
  OpenTracing(const detail::EntryRequest& request, const Options& options,
              const std::vector<TensorType>& types, Source& source)
      : request_(request), options_(options), types_(types), source_(source) {}

  void run() {
    readShapes();
    chooseSamples();
    for (size_t i = 0; i < open().samples.count(); ++i)
      source_.parts.push_back({0, traceAt(open().samples.at(i))});
    readOutputs();
    findLeast();
    compareFarAway();
  }

private:
  using Module = mlir::OwningOpRef<mlir::ModuleOp>;

  Source::Open& open() { return *source_.open; }
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(request_.where, "aot: " + what + " of entry " + request_.name);
  }

  //===-- Shapes -----------------------------------------------------------------------------===//

  void readShapes() {
    Source::Open open;
    for (size_t i = 0; i < types_.size(); ++i) {
      const auto found = options_.shapes.find(source_.inputNames[i]);
      const int rank = types_[i].rank();
      if (found != options_.shapes.end() && static_cast<int>(found->second.size()) != rank)
        refuse("expected a shape of " + std::to_string(rank) + " sizes for " +
               source_.inputNames[i] + ", which is " + types_[i].str() + " in the example, got " +
               std::to_string(found->second.size()));
      std::vector<Extent> shape;
      for (int axis = 0; axis < rank; ++axis) {
        const int64_t example = types_[i].shape[axis];
        if (found == options_.shapes.end())
          shape.emplace_back(example);
        else
          shape.push_back(sizeOf(found->second[static_cast<size_t>(axis)], example, i, open));
      }
      open.inputs.push_back(std::move(shape));
    }
    source_.open = std::move(open);
  }

  Extent sizeOf(const std::variant<int64_t, Dim>& size, int64_t example, size_t input,
                Source::Open& open) const {
    if (auto* number = std::get_if<int64_t>(&size)) {
      if (*number != example)
        refuse("expected the example's shape " + types_[input].shape.str() + " for " +
               source_.inputNames[input] + ", got a size of " + std::to_string(*number));
      return *number;
    }
    const Dim& dim = std::get<Dim>(size);
    size_t number = 0;
    while (number < open.dims.size() && open.dims[number].name != dim.name)
      ++number;
    if (number == open.dims.size()) {
      open.dims.push_back(dim);
      open.example.push_back(example);
    }
    Dim& known = open.dims[number];
    known.least = std::max(known.least, dim.least);
    known.most = std::min(known.most, dim.most);
    if (known.least < 0 || known.most < known.least)
      refuse("expected bounds 0 <= least <= most of the size " + dim.name);
    if (open.example[number] != example)
      refuse("expected one size " + dim.name + " in the example, got " +
             std::to_string(open.example[number]) + " and, of " + source_.inputNames[input] + ", " +
             std::to_string(example));
    return Extent::of(static_cast<int>(number));
  }

  void chooseSamples() {
    std::vector<int64_t> typical, avoid;
    for (const int64_t example : open().example)
      typical.push_back(example < kLeastTypical ? kUsualSize : example);
    for (const TensorType& type : types_)
      avoid.insert(avoid.end(), type.shape.begin(), type.shape.end());
    open().samples = Samples(nodesFor(open().dims, typical, avoid));
  }

  //===-- Traces -----------------------------------------------------------------------------===//

  std::string textOf(std::span<const int64_t> sizes) {
    std::string text;
    for (size_t dim = 0; dim < sizes.size(); ++dim)
      text += (dim ? ", " : "") + open().dims[dim].name + " = " + std::to_string(sizes[dim]);
    return text;
  }

  Module traceAt(std::span<const int64_t> sizes) {
    std::vector<TensorType> types = types_;
    for (size_t i = 0; i < types.size(); ++i)
      for (int axis = 0; axis < types[i].rank(); ++axis)
        types[i].shape[axis] = open().inputs[i][static_cast<size_t>(axis)].at(sizes);
    try {
      TracedModule traced = traceFunction(request_.function, types);
      if (!traced_)
        source_.captures = std::move(traced.captures);
      else if (!sameCaptures(traced.captures))
        refuse("for " + textOf(sizes) +
               " the function captures other tensors than before; pass "
               "as an argument what depends on sizes, or compute it from arguments: a result");
      traced_ = true;
      return std::move(traced.module);
    } catch (const Error& error) {
      const std::string line = error.where().known() ? Error(error.where(), "").what() : "";
      const std::string what = error.what();
      throw Error(error.where(), "aot: entry " + request_.name + " for " + textOf(sizes) + ": " +
                                     (what.starts_with(line) ? what.substr(line.size()) : what));
    }
  }

  bool sameCaptures(const Values& captures) const {
    bool same = captures.size() == source_.captures.size();
    for (size_t i = 0; same && i < captures.size(); ++i) {
      const Value a = contiguousCopy(captures[i]), b = contiguousCopy(source_.captures[i]);
      same = a.type() == b.type() &&
             std::equal(eagerTensor(a).data(), eagerTensor(a).data() + a.type().bytes(),
                        eagerTensor(b).data());
    }
    return same;
  }

  static std::vector<TensorType> resultsOf(mlir::ModuleOp module) {
    return ir::tensorTypesOf(module.lookupSymbol<mlir::func::FuncOp>("main").getResultTypes());
  }

  void readOutputs() {
    std::vector<std::vector<TensorType>> results;
    for (const Source::Part& part : source_.parts)
      results.push_back(resultsOf(*part.module));
    for (size_t i = 0; i < results[0].size(); ++i) {
      std::vector<Extent> shape;
      for (int axis = 0; axis < results[0][i].rank(); ++axis) {
        std::vector<int64_t> values;
        for (const auto& result : results)
          if (i < result.size() && axis < result[i].rank())
            values.push_back(result[i].shape[axis]);
        const auto extent =
            values.size() == results.size() ? open().samples.fit(values) : std::optional<Extent>();
        if (!extent)
          refuse("axis " + std::to_string(axis) + " of result " + std::to_string(i) +
                 " follows from no polynomial of the sizes; give a function whose results have "
                 "such shapes: a result");
        shape.push_back(*extent);
      }
      open().outputs.push_back(std::move(shape));
    }
  }

  //===-- Other sizes ------------------------------------------------------------------------===//

  bool works(std::span<const int64_t> sizes) {
    try {
      traceAt(sizes);
      return true;
    } catch (const Error&) {
      return false;
    }
  }

  // Windows, differences and extrema need some elements.
  void findLeast() {
    std::vector<int64_t> all;
    for (const Dim& dim : open().dims)
      all.push_back(dim.least);
    if (!works(all))
      raiseLeast();
    std::vector<int64_t> least, most;
    for (const Dim& dim : open().dims) {
      least.push_back(dim.least);
      most.push_back(std::min(dim.most, kFar));
    }
    for (const auto& corner : {least, most})
      checkResults(corner, *traceAt(corner));
  }

  void raiseLeast() {
    const auto sample = open().samples.at(0);
    for (size_t d = 0; d < open().dims.size(); ++d) {
      Dim& dim = open().dims[d];
      std::vector<int64_t> sizes(sample.begin(), sample.end());
      sizes[d] = dim.least;
      if (dim.least > 0 || works(sizes))
        continue;
      int64_t fails = dim.least, fine = sample[d];
      while (fine - fails > 1) {
        sizes[d] = fails + (fine - fails) / 2;
        (works(sizes) ? fine : fails) = sizes[d];
      }
      dim.least = fine;
    }
  }

  void checkResults(const std::vector<int64_t>& sizes, mlir::ModuleOp module) {
    const std::vector<TensorType> results = resultsOf(module);
    bool same = results.size() == open().outputs.size();
    for (size_t i = 0; same && i < results.size(); ++i) {
      const auto& shape = open().outputs[i];
      same = static_cast<int>(shape.size()) == results[i].rank();
      for (int axis = 0; same && axis < results[i].rank(); ++axis)
        same = shape[static_cast<size_t>(axis)].at(sizes) == results[i].shape[axis];
    }
    if (!same)
      refuse("for " + textOf(sizes) +
             " the results have other shapes than for other sizes; fix the "
             "size, or give it bounds that exclude those: a result");
  }

  void compareFarAway() {
    std::vector<mlir::ModuleOp> near;
    for (const Source::Part& part : source_.parts)
      near.push_back(*part.module);
    const auto first = open().samples.at(0);
    std::set<std::vector<int64_t>> places;
    for (const bool more : {true, false}) {
      std::vector<int64_t> sizes;
      for (size_t d = 0; d < first.size(); ++d) {
        const Dim& dim = open().dims[d];
        const int64_t least = std::min(first[d], std::max<int64_t>(dim.least, kFew));
        sizes.push_back(more ? std::min(dim.most, 7 * first[d] + 1)
                             : std::max(least, first[d] / 7));
      }
      places.insert(sizes);
    }
    for (const auto& sizes : places)
      compareTraces(near, open().samples, open().dims, *traceAt(sizes), sizes);
    open().constraints = constraintsOf(near, open().samples);
  }

  // A size that is large, and one that is not special.
  static constexpr int64_t kFar = 1 << 16, kFew = 3;

  const detail::EntryRequest& request_;
  const Options& options_;
  const std::vector<TensorType>& types_;
  Source& source_;
  bool traced_ = false;
};

} // namespace

void traceOpen(const detail::EntryRequest& request, const Options& options,
               const std::vector<TensorType>& types, Source& source) {
  OpenTracing(request, options, types, source).run();
}

} // namespace diptych::aot
