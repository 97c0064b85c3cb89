// The command line as data, read from the definitions that parse it: what completion and the manual
// page are made of, so that neither can go stale.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Validators.hpp>

#include <string>
#include <vector>

namespace diptych::cli {

struct OptionText {
  std::vector<std::string> names;    ///< "--quiet", "-q"; a positional's has no dash
  std::string description, standard; ///< standard: its default, empty if there is none
  std::string value;                 ///< "FILE", "TEXT"; empty for a flag
  std::vector<std::string> choices;  ///< all values it takes, where that is a list
  bool positional = false;
  bool isFile() const { return value == "FILE"; }
};

struct CommandText {
  std::string name, description, footer;
  std::vector<OptionText> options; ///< positionals among them
};

/// The program itself, then each of its subcommands.
std::vector<CommandText> describe(const CLI::App& app);

/// Of an option that is a seed: CLI11 would turn -1, and what is too large, into another number.
CLI::Validator wholeNumber();

} // namespace diptych::cli
