// What programs share that other systems are measured beside: the options of every such command,
// and turns. A row goes out as a line of JSON, with its arguments and results in an npz; then it
// waits for a line, so that turns.py can have the others measure it.
#pragma once

#include "tools/study/Measure.h"

#include <CLI/CLI.hpp>

#include <filesystem>
#include <iostream>
#include <string>

namespace diptych::bench {

struct Turns {
  std::string folder, only;
  study::SamplingPlan plan{.samples = 50, .seconds = 2};
  bool profile = false;

  void addOptions(CLI::App& app) {
    app.add_option("folder", folder, "Where each row's npz is written")
        ->required()
        ->check(CLI::ExistingDirectory);
    app.add_option("--only", only, "Rows with this in their names");
    app.add_option("--seconds", plan.seconds, "Budget of one measurement")->capture_default_str();
    app.add_option("--samples", plan.samples, "Samples, if the budget allows")
        ->capture_default_str();
    app.add_flag("--profile", profile, "Print every kernel's time, to stderr");
  }

  bool wants(const std::string& name) const { return name.find(only) != std::string::npos; }

  std::string file(const std::string& name) const {
    return (std::filesystem::path(folder) / (name + ".npz")).string();
  }

  /// Gives the row out, with how peers are to sample it, and returns when they have.
  void give(study::Json row) const {
    row["options"] = {{"seconds", plan.seconds}, {"samples", plan.samples}};
    std::cout << row.dump() << std::endl;
    std::string turn;
    std::getline(std::cin, turn);
  }
};

} // namespace diptych::bench
