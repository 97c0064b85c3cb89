// diptych compile: functions of textual IR, or a saved one, as an object file, an archive or a
// shared library with a C header; or as the text of a stage on the way there.
#include "tools/diptych/Commands.h"

#include "tools/diptych/ReadProgram.h"
#include "tools/diptych/Terminal.h"

#include "aot/Build.h"
#include "aot/Names.h"
#include "frontend/Trace.h"
#include "ir/Dialect.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <iostream>

namespace diptych::cli {

namespace {

namespace files = std::filesystem;
using Json = nlohmann::ordered_json;

struct Request {
  std::string file, output, emit, name, numerics, weights = "embedded";
  std::vector<std::string> functions, targets = {"native"}, arguments;
  int threads = 1;
  bool json = false;
};

const char* const kFooter = R"(
Every public function of FILE becomes a C function NAME_<function>, unless --function chooses
some. NAME is the output's name without its folder, lib and extension. The header NAME.h is
written beside an object, archive or shared library; see docs/aot.md for how it is called.

What --emit writes, and the extension of -o that asks for the same:
  obj .o, archive .a, so .so (needs cc, gcc, clang or ld.lld), header .h,
  mlir .mlir (the kernels), llvm .ll, asm .s: text, to stdout without -o

--target: native, x86-64-v3, x86-64-v4, another x86 name of LLVM's, or aarch64. Several x86
targets, best first, make an artefact that takes the first the CPU can run. On a CPU that can
run none its functions return an error code.

Exit codes: 0 done, 2 wrong usage, 3 a file can't be read or written, or its program can't be
compiled, 4 internal error.

Examples:
  diptych compile model.mlir -o out/model.o
  diptych compile model.diptych -o out/libmodel.so --threads 8 --arguments w,X,r
  diptych compile model.mlir -o model.a --target x86-64-v4,x86-64-v3 --function loss
  diptych compile model.mlir --emit asm --target aarch64)";

/// Of --emit, or of the output's extension.
std::string emitOf(const Request& request) {
  if (!request.emit.empty())
    return request.emit;
  if (request.output.empty() || request.output == "-")
    return "obj";
  const std::string extension = files::path(request.output).extension().string();
  for (const auto& [known, emit] : {std::pair(".o", "obj"),
                                    {".a", "archive"},
                                    {".so", "so"},
                                    {".h", "header"},
                                    {".mlir", "mlir"},
                                    {".ll", "llvm"},
                                    {".s", "asm"}})
    if (extension == known)
      return emit;
  throw Refusal{usage, "-o " + request.output + ": expected an output ending in .o, .a, .so, .h, " +
                           ".mlir, .ll or .s, or --emit; see diptych compile --help"};
}

bool isLibrary(const std::string& emit) {
  return emit == "obj" || emit == "archive" || emit == "so";
}

std::string nameOf(const Request& request, const std::string& emit) {
  if (!request.name.empty())
    return request.name;
  const bool standard = request.output.empty() || request.output == "-";
  std::string name = files::path(standard ? request.file : request.output).stem().string();
  if ((emit == "archive" || emit == "so") && name.starts_with("lib"))
    name = name.substr(3);
  if (!aot::isIdentifier(name))
    throw Refusal{usage, "expected a C identifier as the artefact's name, got '" + name +
                             "'; choose one with --name"};
  return name;
}

aot::Options optionsOf(const Request& request, const std::string& emit,
                       std::optional<Numerics> saved) {
  aot::Options options;
  options.name = nameOf(request, emit);
  options.kind = emit == "so"        ? aot::Kind::shared
                 : emit == "archive" ? aot::Kind::archive
                                     : aot::Kind::object;
  options.numerics = saved.value_or(Numerics::standard);
  if (!request.numerics.empty())
    options.numerics = request.numerics == "strict" ? Numerics::strict : Numerics::standard;
  options.weights = request.weights == "passed" ? aot::Weights::passed
                    : request.weights == "file" ? aot::Weights::file
                                                : aot::Weights::embedded;
  options.targets = request.targets;
  options.threads = request.threads;
  options.arguments = request.arguments;
  try {
    aot::checkOptions(options);
    for (const std::string& target : options.targets)
      codegen::Target known(target);
  } catch (const Error& error) {
    throw Refusal{usage, error.what()};
  }
  return options;
}

std::vector<std::string> functionsOf(mlir::ModuleOp module, const Request& request) {
  std::vector<std::string> names = request.functions;
  if (names.empty())
    for (auto function : module.getOps<mlir::func::FuncOp>())
      if (function.isPublic() && !function.isExternal())
        names.push_back(function.getName().str());
  if (names.empty())
    throw Refusal{badInput, request.file + ": expected a public function with a body, got none"};
  return names;
}

std::vector<aot::Source> sourcesOf(const ReadProgram& read, const Request& request) {
  std::vector<aot::Source> sources;
  for (const std::string& name : functionsOf(*read.module, request)) {
    aot::Source source;
    source.name = name;
    source.parts.push_back({0, mlir::OwningOpRef<mlir::ModuleOp>(read.module.get().clone())});
    mlir::ModuleOp module = *source.parts[0].module;
    auto function = findFunction(module, name, request.file);
    const size_t inputs = ir::tensorTypesOf(function.getArgumentTypes()).size();
    ir::tensorTypesOf(function.getResultTypes());
    makeMain(module, function);
    source.captures = read.weights;
    std::vector<diptych::detail::LeafRange> ranges;
    for (size_t i = 0; i + read.weights.size() < inputs; ++i)
      ranges.push_back({static_cast<int>(i), static_cast<int>(i) + 1});
    source.inputNames = aot::inputNames(request.arguments, ranges);
    source.outputNames = aot::outputNames(function.getNumResults());
    sources.push_back(std::move(source));
  }
  return sources;
}

/// One name for each parameter of the function that has most, or none: else one was forgotten.
void checkArguments(const std::vector<aot::Source>& sources, const Request& request) {
  const auto longest = std::max_element(sources.begin(), sources.end(),
                                        [](const aot::Source& a, const aot::Source& b) {
                                          return a.inputNames.size() < b.inputNames.size();
                                        });
  const size_t count = longest->inputNames.size(), names = request.arguments.size();
  if (names != 0 && names != count)
    throw Refusal{usage, "--arguments: expected " + std::to_string(count) +
                             " names, one for each parameter of @" + longest->name + ", got " +
                             std::to_string(names)};
}

std::string textOf(aot::Built& built, const std::string& emit) {
  if (emit == "header")
    return aot::headerText(built.model);
  if (emit == "mlir")
    return built.kernels;
  if (emit == "asm")
    return codegen::machineCode(*built.module, *built.target, true);
  std::string text;
  llvm::raw_string_ostream stream(text);
  built.module->print(stream, nullptr);
  return text;
}

void report(const aot::Model& model, const std::vector<std::string>& written) {
  Json record = Json::parse(aot::aboutText(model));
  record["files"] = written;
  std::cout << record.dump() << '\n';
}

int execute(const Request& request) {
  const std::string emit = emitOf(request);
  if (isLibrary(emit) && request.output == "-")
    throw Refusal{usage, "-o -: only text goes to stdout; give a file, or --emit header, mlir, " +
                             std::string("llvm or asm")};
  const std::lock_guard lock(traceMutex());
  const ReadProgram read = readProgram(request.file);
  const aot::Options options = optionsOf(request, emit, read.numerics);
  std::vector<aot::Source> sources = sourcesOf(read, request);
  checkArguments(sources, request);
  std::vector<std::string> written;
  const bool toFile = isLibrary(emit) || (!request.output.empty() && request.output != "-");
  if (request.json && !toFile)
    throw Refusal{usage, "--json: expected files to report on; give -o"};
  const auto progress = std::make_unique<Progress>("compiling " + request.file);
  aot::Built built = aot::build(sources, options, emit == "mlir");
  if (isLibrary(emit)) {
    aot::Paths paths = aot::pathsOf(options);
    if (!request.output.empty()) {
      paths.library = request.output;
      paths.header = files::path(request.output).replace_filename(options.name + ".h").string();
      paths.weights =
          files::path(request.output).replace_filename(options.name + ".safetensors").string();
    }
    aot::write(built, paths);
    written = {paths.library, paths.header};
    if (built.model.weightsInFile())
      written.push_back(paths.weights);
  } else if (toFile) {
    aot::writeFile(request.output, textOf(built, emit));
    written = {request.output};
  } else {
    std::cout << textOf(built, emit);
  }
  if (request.json)
    report(built.model, written);
  return success;
}

int compileProgram(const Request& request) {
  try {
    return execute(request);
  } catch (const Refusal& refusal) {
    return complain(refusal.code, refusal.message);
  } catch (const Error& error) {
    return complain(error);
  }
}

} // namespace

void addCompile(CLI::App& app, Command& command) {
  auto request = std::make_shared<Request>();
  CLI::App* sub =
      app.add_subcommand("compile", "Compile functions to a library with a C interface");
  sub->add_option("file", request->file, "Textual IR or a saved function; - for stdin")
      ->required()
      ->type_name("FILE");
  sub->add_option("-o,--output", request->output, "What to write; default: NAME.o here, from FILE")
      ->type_name("FILE");
  sub->add_option("--emit", request->emit, "What to make; default: by the output's extension")
      ->check(CLI::IsMember({"obj", "archive", "so", "header", "mlir", "llvm", "asm"}));
  sub->add_option("--target", request->targets, "CPU, or several separated by commas")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->capture_default_str();
  sub->add_option("--function", request->functions, "Which functions; default: all public ones")
      ->delimiter(',')
      ->allow_extra_args(false);
  sub->add_option("--name", request->name, "Begins every symbol; default: from the output");
  sub->add_option("--arguments", request->arguments, "Names of the parameters: w,X,r")
      ->delimiter(',')
      ->allow_extra_args(false);
  sub->add_option("--threads", request->threads, "The most threads a call may use")
      ->capture_default_str();
  sub->add_option("--numerics", request->numerics,
                  "strict (eager's bits) or standard; default: as it was saved, standard for text")
      ->check(CLI::IsMember({"strict", "standard"}));
  sub->add_option("--weights", request->weights,
                  "Of a saved function: in the artefact, further parameters, or NAME.safetensors")
      ->check(CLI::IsMember({"embedded", "passed", "file"}))
      ->capture_default_str();
  sub->add_flag("--json", request->json, "Print what was made as JSON");
  sub->footer(kFooter);
  sub->callback([request, &command] { command = [request] { return compileProgram(*request); }; });
}

} // namespace diptych::cli
