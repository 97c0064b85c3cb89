// The command line of programs that diptych_add_model builds and runs. It is written by CMake, so
// every option has its value after it.
#include <diptych/Aot.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace diptych::aot {

namespace {

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

[[noreturn]] void refuse(const std::string& option, const std::string& expected,
                         const std::string& got) {
  throw Error(option + ": expected " + expected + ", got '" + got + "'");
}

template <class Choice>
Choice choose(const std::string& option, const std::string& value,
              std::initializer_list<std::pair<const char*, Choice>> choices) {
  std::string names;
  for (const auto& [name, choice] : choices) {
    if (value == name)
      return choice;
    names += (names.empty() ? "" : " or ") + std::string(name);
  }
  refuse(option, names, value);
}

void set(Options& options, const std::string& option, const std::string& value) {
  if (option == "--name") {
    options.name = value;
  } else if (option == "--directory") {
    options.directory = value;
  } else if (option == "--kind") {
    options.kind = choose<Kind>(
        option, value,
        {{"object", Kind::object}, {"archive", Kind::archive}, {"shared", Kind::shared}});
  } else if (option == "--numerics") {
    options.numerics = choose<Numerics>(
        option, value, {{"strict", Numerics::strict}, {"standard", Numerics::standard}});
  } else if (option == "--weights") {
    options.weights = choose<Weights>(
        option, value,
        {{"embedded", Weights::embedded}, {"passed", Weights::passed}, {"file", Weights::file}});
  } else if (option == "--targets") {
    options.targets = split(value);
  } else if (option == "--arguments") {
    options.arguments = split(value);
  } else if (option == "--threads") {
    char* end = nullptr;
    options.threads = static_cast<int>(std::strtol(value.c_str(), &end, 10));
    if (value.empty() || *end)
      refuse(option, "a number", value);
  } else {
    throw Error("unknown option " + option);
  }
}

} // namespace

int makerMain(int argc, char** argv, Artefact (*build)(const Options&)) {
  try {
    Options options;
    for (int i = 1; i < argc; i += 2) {
      if (i + 1 == argc)
        throw Error(std::string("expected a value after ") + argv[i]);
      set(options, argv[i], argv[i + 1]);
    }
    build(options);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", argc > 0 ? argv[0] : "aot", error.what());
    return 1;
  }
}

} // namespace diptych::aot
