// aot::compile: traces the entries. With Build.cpp the only place that joins the DSL to this room.
#include <diptych/Vmap.h>

#include "aot/Build.h"
#include "aot/Names.h"
#include "aot/OpenTrace.h"
#include "frontend/TensorImpl.h"
#include "frontend/Trace.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace diptych::aot {

// Of a chunk's inputs and outputs; more would leave the cache, fewer cost calls.
static constexpr int64_t kChunkBytes = 4 << 20;

/// How many examples run at once, the most first.
static std::vector<int64_t> chunksFor(const std::vector<TensorType>& types,
                                      const std::vector<bool>& batched) {
  int64_t bytes = 1;
  for (size_t i = 0; i < types.size(); ++i)
    bytes += batched[i] ? types[i].bytes() : 0;
  std::vector<int64_t> chunks;
  for (const int64_t examples : {256, 16, 1})
    if (examples == 1 || examples * bytes <= kChunkBytes)
      chunks.push_back(examples);
  return chunks;
}

static void traceBatch(const detail::EntryRequest& request, const std::vector<TensorType>& types,
                       Source& source) {
  const auto refuse = [&](const std::string& what) {
    throw Error(request.where, "aot: " + what + " of entry " + request.name);
  };
  const size_t arguments = request.ranges.size();
  if (!request.batched.empty() && request.batched.size() != arguments)
    refuse("expected " + std::to_string(arguments) +
           " marks in `batched`, one for each argument, " + "got " +
           std::to_string(request.batched.size()));
  if (request.dim->least < 0 || request.dim->most < request.dim->least)
    refuse("expected bounds 0 <= least <= most of the size " + request.dim->name);
  source.dim = request.dim;
  source.batched.resize(types.size());
  std::vector<BatchAxes::Axis> axes;
  for (size_t a = 0; a < arguments; ++a) {
    const bool batched = request.batched.empty() || request.batched[a];
    axes.push_back(batched ? BatchAxes::Axis(0) : unbatched);
    for (int leaf = request.ranges[a].begin; leaf < request.ranges[a].end; ++leaf)
      source.batched[static_cast<size_t>(leaf)] = batched;
  }
  if (std::find(source.batched.begin(), source.batched.end(), true) == source.batched.end())
    refuse("expected an argument that is batched, got none");
  for (const int64_t examples : chunksFor(types, source.batched)) {
    std::vector<TensorType> several = types;
    for (size_t i = 0; i < types.size(); ++i)
      if (source.batched[i])
        several[i].shape.insert(0, examples);
    TracedModule traced = traceFunction(
        [&](ValueSpan inputs) {
          return diptych::detail::mapped({"aot", request.where}, request.function, inputs,
                                         request.ranges, BatchAxes(axes), 0);
        },
        several);
    source.parts.push_back({examples, std::move(traced.module)});
    if (source.parts.size() > 1 && traced.captures.size() != source.captures.size())
      refuse("the function captures other tensors each time it is traced; it must not");
    source.captures = std::move(traced.captures);
  }
}

static Source trace(const detail::EntryRequest& request, const Options& options) {
  std::vector<TensorType> types;
  for (const Value& input : request.inputs) {
    if (!findTensor(input))
      throw Error(request.where, "aot: expected tensors as example inputs of entry " +
                                     request.name + ", got a value of a trace");
    types.push_back(input.type());
  }
  Source source;
  source.name = request.name;
  source.inputNames =
      inputNames(request.arguments.empty() ? options.arguments : request.arguments, request.ranges);
  const bool open = hasOpenShapes(options, source.inputNames);
  if (open && request.dim)
    throw Error(request.where, "aot: entry " + request.name +
                                   " has a batch by each() and a shape in Options::shapes; give "
                                   "the batch as a size of its shapes instead");
  if (open) {
    traceOpen(request, options, types, source);
  } else if (request.dim) {
    traceBatch(request, types, source);
  } else {
    TracedModule traced = traceFunction(request.function, types);
    source.captures = std::move(traced.captures);
    source.parts.push_back({0, std::move(traced.module)});
  }
  auto main = source.parts.back().module->lookupSymbol<mlir::func::FuncOp>("main");
  source.outputNames = outputNames(main.getNumResults());
  source.where = request.where;
  return source;
}

// A name that no entry has would leave a size fixed without a word.
static void checkShapes(const std::vector<Source>& sources, const Options& options) {
  for (const auto& [name, shape] : options.shapes) {
    bool used = false;
    for (const Source& source : sources)
      used = used || std::count(source.inputNames.begin(), source.inputNames.end(), name);
    if (!used)
      throw Error("aot: Options::shapes names " + name + ", which is an argument of no entry");
  }
}

Artefact detail::compile(std::vector<EntryRequest> entries, const Options& options,
                         const SourceLocation& where) {
  checkOptions(options);
  checkArguments(entries, options.arguments);
  std::vector<Source> sources;
  {
    std::lock_guard lock(traceMutex());
    for (const EntryRequest& entry : entries)
      sources.push_back(trace(entry, options));
    checkShapes(sources, options);
  }
  // The sources end under the lock, whatever happens.
  struct Locked {
    std::vector<Source>& sources;
    ~Locked() {
      std::lock_guard lock(traceMutex());
      sources.clear();
    }
  } locked{sources};
  Built built = build(sources, options);
  return write(built, pathsOf(options));
}

} // namespace diptych::aot
