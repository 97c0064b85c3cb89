// aot::compile: traces the entries. With Build.cpp the only place that joins the DSL to this room.
#include "aot/Build.h"
#include "aot/Names.h"
#include "frontend/TensorImpl.h"
#include "frontend/Trace.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace diptych::aot {

static Source trace(const detail::EntryRequest& request, const Options& options) {
  std::vector<TensorType> types;
  for (const Value& input : request.inputs) {
    if (!findTensor(input))
      throw Error(request.where, "aot: expected tensors as example inputs of entry " +
                                     request.name + ", got a value of a trace");
    types.push_back(input.type());
  }
  TracedModule traced = traceFunction(request.function, types);
  Source source;
  source.name = request.name;
  source.inputNames =
      inputNames(request.arguments.empty() ? options.arguments : request.arguments, request.ranges);
  source.outputNames = outputNames(traced.main().getNumResults());
  source.module = std::move(traced.module);
  source.captures = std::move(traced.captures);
  source.where = request.where;
  return source;
}

Artefact detail::compile(std::vector<EntryRequest> entries, const Options& options,
                         const SourceLocation& where) {
  checkOptions(options);
  std::vector<Source> sources;
  {
    std::lock_guard lock(traceMutex());
    for (const EntryRequest& entry : entries)
      sources.push_back(trace(entry, options));
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
