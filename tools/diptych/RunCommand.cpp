// diptych run: a function of textual IR, or a saved one, on inputs from the command line, compiled
// or replayed.
#include "tools/diptych/Commands.h"

#include "tools/diptych/CommandLine.h"
#include "tools/diptych/ReadProgram.h"
#include "tools/diptych/RunInputs.h"
#include "tools/diptych/Terminal.h"

#include "frontend/JitProgram.h"
#include "ir/Dialect.h"
#include "passes/Interpreter.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <iostream>

namespace diptych::cli {

namespace {

using Json = nlohmann::ordered_json;

struct Request {
  std::string file, function = "main", stage;
  InputRequest inputs;
  std::string numerics; // empty: as it was saved, standard for text
  bool interpret = false, json = false;
};

const char* const kFooter = R"(
Inputs are counted from 0. An input nobody mentions is filled as --fill says.
  --input 0=1,2,3     its elements in row-major order, or one number for all of them
  --input 1=ones      or zeros, iota (0, 1, 2, ...), random (uniform on [0, 1))

Stages of --print-ir: traced, differentiated, simplified, fused (the diptych dialect), plan
(calls and buffers), kernels (MLIR), llvm, asm.

--json prints one object: "function", and "results", each with its dtype, shape and values in
row-major order; what is no number is the string "nan", "inf" or "-inf".

Exit codes: 0 done, 2 wrong usage, 3 the file can't be read, is no valid IR, or fails when
run, 4 internal error.

Examples:
  diptych run model.mlir --input 0=1,2,3
  diptych run model.mlir --function step --fill random --random-seed 7 --interpret
  diptych run model.mlir --input 0=ones --json
  diptych run model.diptych --input 0=0.5      what save_function wrote, with its weights
  diptych run model.mlir --print-ir fused)";

std::shared_ptr<JitProgram> makeProgram(mlir::ModuleOp module, const Request& request,
                                        std::optional<Numerics> saved) {
  JitOptions options;
  options.numerics = saved.value_or(Numerics::standard);
  if (!request.numerics.empty())
    options.numerics = request.numerics == "strict" ? Numerics::strict : Numerics::standard;
  return std::make_shared<JitProgram>(module.clone(), options, std::make_shared<SharedStats>());
}

void print(ValueSpan results) {
  std::cout.precision(17);
  for (size_t i = 0; i < results.size(); ++i) {
    std::cout << "result " << i << ":\n" << Tensor(results[i]);
    // A single number prints without its type.
    if (results[i].rank() == 0)
      std::cout << ' ' << results[i].type();
    std::cout << '\n';
  }
}

Json element(double value) {
  if (std::isfinite(value))
    return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

Json valuesOf(const Tensor& tensor) {
  Json values = Json::array();
  if (isFloat(tensor.dtype())) {
    for (double value : tensor.to(DType::f64).to_vector<double>())
      values.push_back(element(value));
  } else if (tensor.dtype() == DType::boolean) {
    for (int64_t value : tensor.to(DType::i64).to_vector<int64_t>())
      values.push_back(value != 0);
  } else {
    values = tensor.to(DType::i64).to_vector<int64_t>();
  }
  return values;
}

void printJson(const Request& request, ValueSpan results) {
  Json record{{"function", request.function}, {"results", Json::array()}};
  for (const Value& result : results) {
    const Tensor tensor(result);
    Json shape = Json::array();
    for (int64_t extent : tensor.shape())
      shape.push_back(extent);
    record["results"].push_back(
        {{"dtype", name(tensor.dtype())}, {"shape", shape}, {"values", valuesOf(tensor)}});
  }
  std::cout << record.dump() << '\n';
}

int execute(const Request& request) {
  const std::lock_guard lock(traceMutex());
  const ReadProgram read = readProgram(request.file);
  mlir::ModuleOp module = *read.module;
  auto function = findFunction(module, request.function, request.file);
  std::vector<TensorType> types = ir::tensorTypesOf(function.getArgumentTypes());
  ir::tensorTypesOf(function.getResultTypes());
  makeMain(module, function);
  std::shared_ptr<JitProgram> program;
  if (!request.interpret || !request.stage.empty())
    program = makeProgram(module, request, read.numerics);
  if (!request.stage.empty()) {
    const Progress progress("compiling " + request.file);
    std::cout << program->text(request.stage);
    return success;
  }
  // A saved function brings its last inputs along.
  types.resize(types.size() - std::min(types.size(), read.weights.size()));
  Values inputs = makeInputs(types, request.inputs);
  inputs.insert(inputs.end(), read.weights.begin(), read.weights.end());
  const NoGradGuard guard;
  const Values results = [&] {
    const Progress progress((request.interpret ? "replaying " : "compiling and running ") +
                            request.file);
    return request.interpret ? passes::interpret(function, inputs) : program->run(inputs);
  }();
  if (request.json)
    printJson(request, results);
  else
    print(results);
  return success;
}

int runProgram(const Request& request) {
  try {
    return execute(request);
  } catch (const Refusal& refusal) {
    return complain(refusal.code, refusal.message);
  } catch (const InputError& error) {
    return complain(usage, error.what());
  } catch (const Error& error) {
    return complain(error);
  }
}

} // namespace

void addRun(CLI::App& app, Command& command) {
  auto request = std::make_shared<Request>();
  CLI::App* sub = app.add_subcommand("run", "Run a function of textual IR, or a saved one");
  sub->add_option("file", request->file, "Textual IR or a saved function; - for stdin")
      ->required()
      ->type_name("FILE");
  sub->add_option("--function", request->function, "Which function")->capture_default_str();
  sub->add_flag("--interpret", request->interpret,
                "Replay it through the eager kernels instead of compiling it");
  sub->add_option("--input", request->inputs.given, "NUMBER=VALUES of one input; may be repeated")
      ->type_name("I=V,V,...")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  sub->add_option("--fill", request->inputs.fill, "Of inputs not given: random, ones, zeros, iota")
      ->check(CLI::IsMember({"random", "ones", "zeros", "iota"}))
      ->capture_default_str();
  sub->add_option("--random-seed", request->inputs.seed, "Seed of random inputs")
      ->check(wholeNumber())
      ->capture_default_str();
  sub->add_option("--numerics", request->numerics,
                  "strict (eager's bits) or standard; default: as it was saved, standard for text")
      ->check(CLI::IsMember({"strict", "standard"}));
  sub->add_flag("--json", request->json, "Print the results as JSON");
  sub->add_option("--print-ir", request->stage, "Print the program at a stage; don't run it")
      ->check(CLI::IsMember(
          {"traced", "differentiated", "simplified", "fused", "plan", "kernels", "llvm", "asm"}))
      ->type_name("STAGE")
      ->excludes("--json");
  sub->footer(kFooter);
  sub->callback([request, &command] { command = [request] { return runProgram(*request); }; });
}

} // namespace diptych::cli
