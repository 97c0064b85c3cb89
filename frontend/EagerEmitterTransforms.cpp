// vjp and jvp of a function run eagerly: run it on fresh inputs, then sweep the piece of tape
// between them and its outputs. Sweeps never leave that piece, so nested transforms cannot be
// confused.
#include "autodiff/Batch.h"
#include "frontend/EagerEmitter.h"
#include "frontend/EagerRun.h"

namespace diptych {

Derivatives EagerEmitter::vjp(const Function& f, ValueSpan inputs, std::span<const int> wrt,
                              const std::function<Seeds(std::span<const TensorType>)>& seeds) {
  return located([&] {
    const Run run("vjp", *this, f, inputs, wrt);
    const EmitterScope scope(*this);
    std::vector<TensorType> types;
    for (const Value& output : run.outputs())
      types.push_back(output.type());
    const Seeds given = seeds(types);
    const bool recorded = run.isRecorded(given.values);
    const GradModeScope recording(recorded);
    Values cotangents =
        given.batch > 0
            ? autodiff::batchedReverseSweep(run.nodes(), run.outputs(), given.values, run.wrt(),
                                            given.batch)
            : autodiff::reverseSweep(run.nodes(), run.outputs(), given.values, run.wrt());
    return run.finish(zerosForNull(std::move(cotangents), run.wrt(), given.batch), recorded);
  });
}

Derivatives EagerEmitter::jvp(const Function& f, ValueSpan inputs, std::span<const int> wrt,
                              const Seeds& tangents) {
  return located([&] {
    const Run run("jvp", *this, f, inputs, wrt);
    const EmitterScope scope(*this);
    const bool recorded = run.isRecorded(tangents.values);
    const GradModeScope recording(recorded);
    Values pushed =
        tangents.batch > 0
            ? autodiff::batchedTangentSweep(run.nodes(), run.wrt(), tangents.values, run.outputs(),
                                            tangents.batch)
            : autodiff::tangentSweep(run.nodes(), run.wrt(), tangents.values, run.outputs());
    return run.finish(zerosForNull(std::move(pushed), run.outputs(), tangents.batch), recorded);
  });
}

} // namespace diptych
