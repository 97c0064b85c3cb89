// The subcommands of `diptych`, and what their exit codes mean. Each parses its own options.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <diptych/Error.h>

#include <functional>

namespace diptych::cli {

enum ExitCode {
  success = 0,
  checkFailed = 1, ///< results of two ways to compute the same disagree
  usage = 2,       ///< an option is unknown, missing or out of range
  badInput = 3,    ///< a file can't be read, written or understood, or its program can't be run
  internal = 4     ///< a fault of Diptych's or of the machine, such as no memory
};

/// What to do once the command line is parsed; returns an exit code.
using Command = std::function<int()>;

/// Adds the subcommand to `app`; if it is the one that was asked for, `command` is set.
void addStudy(CLI::App& app, Command& command);
void addRun(CLI::App& app, Command& command);
void addCompile(CLI::App& app, Command& command);
void addExport(CLI::App& app, Command& command);
void addDoctor(CLI::App& app, Command& command);
/// These two describe the whole of `app`, at the time they are run.
void addCompletion(CLI::App& app, Command& command);
void addMan(CLI::App& app, Command& command);

/// Writes "diptych: <message>" to stderr and returns `code`.
int complain(ExitCode code, const std::string& message);
/// Of a program that can't be read or run: badInput, or internal where the fault is ours.
int complain(const Error& error);

} // namespace diptych::cli
