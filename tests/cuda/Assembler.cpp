// Runs ptxas on a file and reads what it reports of each kernel.
#include "Assembler.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <unistd.h>

namespace diptych::suite {

std::string assembler() {
  const std::string known = DIPTYCH_PTXAS;
  return std::filesystem::exists(known) ? known : std::string();
}

Assembled assemble(const std::string& ptx, const std::string& architecture) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::temp_directory_path() / ("diptych-ptx-" + std::to_string(getpid()));
  fs::create_directories(folder);
  const fs::path source = folder / "kernels.ptx";
  std::ofstream(source) << ptx;
  const std::string command = assembler() + " -v -arch=" + architecture + " " + source.string() +
                              " -o " + (folder / "kernels.cubin").string() + " 2>&1";
  std::string report;
  FILE* pipe = popen(command.c_str(), "r");
  std::array<char, 4096> part;
  while (pipe && std::fgets(part.data(), part.size(), pipe))
    report += part.data();
  const int status = pipe ? pclose(pipe) : -1;
  fs::remove_all(folder);

  Assembled result;
  if (status != 0) {
    result.problem = architecture + ": " + report.substr(0, 2000);
    return result;
  }
  static const std::regex registers("Used ([0-9]+) registers");
  static const std::regex spills("([0-9]+) bytes spill stores");
  for (std::sregex_iterator at(report.begin(), report.end(), registers), end; at != end; ++at) {
    ++result.kernels;
    result.registers = std::max(result.registers, std::stoi((*at)[1]));
  }
  for (std::sregex_iterator at(report.begin(), report.end(), spills), end; at != end; ++at)
    result.spillBytes = std::max(result.spillBytes, std::stoi((*at)[1]));
  if (result.kernels == 0)
    result.problem = architecture + ": ptxas reported no kernel";
  return result;
}

} // namespace diptych::suite
