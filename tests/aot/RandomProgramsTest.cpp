// Random programs with loops, branches and library operators as artefacts: jit's bits, on one
// thread and on three.
#include "Artefacts.h"

#include "tests/fuzz/Functions.h"
#include "tests/fuzz/Generate.h"

namespace diptych::test {
namespace {

aot::detail::EntryRequest request(const std::string& name, const Function& f,
                                  const Values& inputs) {
  aot::detail::EntryRequest request{name, f, inputs, {}, {}, {}};
  for (int i = 0; i < static_cast<int>(inputs.size()); ++i)
    request.ranges.push_back({i, i + 1});
  return request;
}

std::vector<Tensor> tensorsOf(const Values& values) {
  std::vector<Tensor> tensors;
  for (const Value& value : values)
    tensors.emplace_back(value);
  return tensors;
}

TEST(Aot, RandomProgramsHaveJitsBits) {
  int carried = 0;
  for (uint64_t seed = 1; seed <= 70; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const fuzz::Program program =
        fuzz::generate(seed, {.operators = 5 + static_cast<int>(seed % 20),
                              .wild = seed % 2 == 0,
                              .largest = seed % 5 == 0 ? 60000 : 2000, // some are cut over threads
                              .control = 12});
    const Values inputs = program.inputs();
    if (inputs.size() + program.outputs.size() > 20)
      continue;
    const Numerics numerics = seed % 3 ? Numerics::strict : Numerics::standard;
    const Folder folder;
    aot::Options options;
    options.name = "model";
    options.directory = folder.path();
    options.kind = aot::Kind::shared;
    options.numerics = numerics;
    options.threads = 3;
    const Loaded model(
        aot::detail::compile({request("f", program.function(), inputs)}, options, {}));
    ++carried;
    const std::vector<Tensor> arguments = tensorsOf(inputs);
    const auto run = [&](const std::vector<Tensor>& tensors) {
      Values values;
      for (const Tensor& tensor : tensors)
        values.push_back(tensor.value());
      return tensorsOf(program.function()(values));
    };
    const std::vector<Tensor> expected = jit(run, {.numerics = numerics})(arguments);
    for (const int threads : {1, 3})
      expectSameBits(model.call("f", arguments, Threads{threads}), expected);
  }
  EXPECT_GE(carried, 60);
}

} // namespace
} // namespace diptych::test
