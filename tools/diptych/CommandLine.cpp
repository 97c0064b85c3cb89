// Reads CLI11's definitions. A list of choices is known from the text that its validator adds to
// the type, "TEXT:{tiny,real,large}".
#include "tools/diptych/CommandLine.h"

#include <charconv>
#include <cstdint>
#include <sstream>

namespace diptych::cli {

static OptionText describeOption(const CLI::Option& option) {
  OptionText text;
  text.description = option.get_description();
  text.standard = option.get_default_str();
  for (const std::string& name : option.get_lnames())
    text.names.push_back("--" + name);
  for (const std::string& name : option.get_snames())
    text.names.push_back("-" + name);
  text.positional = option.get_positional();
  if (text.positional)
    text.names.push_back(option.get_name(true));
  if (option.get_items_expected_max() == 0)
    return text;
  const std::string type = option.get_type_name();
  const size_t open = type.find(":{"), close = type.rfind('}');
  text.value = type.substr(0, open);
  if (open == std::string::npos || close == std::string::npos)
    return text;
  std::stringstream list(type.substr(open + 2, close - open - 2));
  for (std::string choice; std::getline(list, choice, ',');)
    text.choices.push_back(choice);
  return text;
}

static CommandText describeCommand(const CLI::App& app) {
  CommandText text{app.get_name(), app.get_description(), app.get_footer(), {}};
  for (const CLI::Option* option : app.get_options())
    if (!option->get_group().empty()) // hidden
      text.options.push_back(describeOption(*option));
  return text;
}

std::vector<CommandText> describe(const CLI::App& app) {
  std::vector<CommandText> commands{describeCommand(app)};
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    if (!sub->get_group().empty())
      commands.push_back(describeCommand(*sub));
  return commands;
}

CLI::Validator wholeNumber() {
  const auto check = [](const std::string& text) -> std::string {
    std::uint64_t number = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    const bool whole = error == std::errc() && stop == end;
    return whole ? "" : "expected a whole number from 0 to 2^64 - 1, got '" + text + "'";
  };
  return {check, ""};
}

} // namespace diptych::cli
