// The diptych command: one program, a subcommand for each thing a user wants done.
#include "tools/diptych/Commands.h"

#include "llvm/Config/llvm-config.h"

#include <diptych/Error.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <new>

namespace diptych::cli {

int complain(ExitCode code, const std::string& message) {
  std::cout.flush();
  std::cerr << "diptych: " << message << '\n';
  return code;
}

int complain(const Error& error) {
  // By its place: a path or a name may hold the word.
  const std::string message = error.what();
  const bool ours =
      message.starts_with("internal") || message.find(": internal: ") != std::string::npos;
  return complain(ours ? internal : badInput, message);
}

static const char* const kFooter = R"(
Exit codes: 0 done, 1 a check failed, 2 wrong usage, 3 bad input file or program,
4 internal error.

Environment: DIPTYCH_THREADS, threads of the library; DIPTYCH_CPU, v3 or v4, the eager kernels;
DIPTYCH_EAGER_PROGRAMS=off, no compiled eager convolutions;
DIPTYCH_CACHE_DIR, where machine code is kept, and DIPTYCH_CACHE=off; NO_COLOR, no colours. Progress goes to stderr, and only where that is a terminal.

Examples:
  diptych study                      eager against jit at the real sizes, in a minute or two
  diptych study --size tiny          the same in seconds
  diptych run model.mlir --random-seed 1 --print-ir plan
  diptych compile model.mlir -o out/model.o    an object file and a C header
  diptych doctor                     what this machine has, and what is missing
  diptych completion bash            completion for a shell)";

/// What came where a subcommand was expected; CLI11 would only say that none came.
static std::string strangerOf(const CLI::App& app) {
  const std::string first = app.remaining().front();
  std::string known;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    known += (known.empty() ? "" : ", ") + sub->get_name();
  return "expected " + (first.starts_with("-") ? "--version, --help or one of " : std::string()) +
         known + ", got '" + first + "'";
}

/// Errors of the command line go out as one line, then a hint at --help.
static int explain(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) // --help, --version
    return app.exit(error, std::cout, std::cerr);
  std::string command = "diptych";
  for (const CLI::App* used : app.get_subcommands())
    command += " " + used->get_name();
  const bool strange = app.get_subcommands().empty() && app.remaining_size() > 0;
  return complain(usage,
                  (strange ? strangerOf(app) : error.what()) + "; see " + command + " --help");
}

static int run(int argc, char** argv) {
  CLI::App app("Diptych: tensor programs run eagerly on a tape, or traced and compiled.",
               "diptych");
  app.set_version_flag("--version",
                       std::string("diptych " DIPTYCH_VERSION " (LLVM " LLVM_VERSION_STRING ")"),
                       "Print the version and exit");
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.footer(kFooter);
  app.require_subcommand(1);
  Command command;
  addStudy(app, command);
  addRun(app, command);
  addCompile(app, command);
  addExport(app, command);
  addDoctor(app, command);
  addCompletion(app, command);
  addMan(app, command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return explain(app, error);
  }
  return command();
}

} // namespace diptych::cli

int main(int argc, char** argv) {
  using namespace diptych::cli;
  try {
    const int code = run(argc, argv);
    // A full disk shows only now, and what was printed is then no result.
    if (!std::cout.flush() || std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
      return complain(badInput,
                      "stdout can't be written to the end: " + std::string(std::strerror(errno)));
    return code;
  } catch (const std::bad_alloc&) {
    return complain(internal, "out of memory; choose a smaller size");
  } catch (const std::exception& error) {
    return complain(internal, error.what());
  }
}
