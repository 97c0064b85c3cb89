// diptych man: the manual page, in the language of man(7), from the command line's own definitions.
#include "tools/diptych/Commands.h"

#include "tools/diptych/CommandLine.h"

#include <iostream>

namespace diptych::cli {

namespace {

const char* const kFooter = R"(
Exit codes: 0 done, 2 wrong usage.

Examples:
  diptych man > diptych.1
  diptych man | man -l -)";

/// Text that troff prints as it is; a dot or a quote that opens a line would be a request.
std::string plain(const std::string& text) {
  std::string result;
  bool opens = true;
  for (char c : text) {
    if (opens && (c == '.' || c == '\''))
      result += "\\&";
    if (c == '\\')
      result += "\\e";
    else if (c == '-')
      result += "\\-";
    else
      result += c;
    opens = c == '\n';
  }
  return result;
}

/// As it stands, line by line.
std::string verbatim(const std::string& text) { return ".nf\n" + plain(text) + "\n.fi\n"; }

std::string optionPage(const OptionText& option) {
  std::string names;
  for (const std::string& name : option.names)
    names += (names.empty() ? "\\fB" : ", \\fB") + plain(name) + "\\fR";
  std::string page = ".TP\n" + names;
  if (!option.value.empty() && !option.positional)
    page += " \\fI" + plain(option.value) + "\\fR";
  page += "\n" + plain(option.description);
  if (!option.choices.empty() && option.description.find(option.choices[0]) == std::string::npos) {
    std::string list;
    for (const std::string& choice : option.choices)
      list += (list.empty() ? "" : ", ") + choice;
    page += " (" + plain(list) + ")";
  }
  if (!option.standard.empty())
    page += "; default: " + plain(option.standard);
  return page + "\n";
}

std::string commandPage(const CommandText& command) {
  std::string page =
      ".SS diptych " + plain(command.name) + "\n" + plain(command.description) + ".\n";
  for (const OptionText& option : command.options)
    page += optionPage(option);
  const size_t start = command.footer.find_first_not_of('\n');
  if (start != std::string::npos)
    page += ".PP\n" + verbatim(command.footer.substr(start));
  return page;
}

std::string manual(const std::vector<CommandText>& commands) {
  std::string page =
      ".TH DIPTYCH 1 \"\" \"diptych " DIPTYCH_VERSION "\" \"User Commands\"\n"
      ".SH NAME\ndiptych \\- tensor programs run eagerly on a tape, or traced and compiled\n"
      ".SH SYNOPSIS\n";
  for (size_t i = 1; i < commands.size(); ++i) {
    page += (i > 1 ? ".br\n" : "");
    page += "\\fBdiptych " + plain(commands[i].name) + "\\fR [\\fIoptions\\fR]";
    for (const OptionText& option : commands[i].options)
      if (option.positional)
        page += " \\fI" + plain(option.names.back()) + "\\fR";
    page += "\n";
  }
  page += ".SH OPTIONS\n";
  for (const OptionText& option : commands[0].options)
    page += optionPage(option);
  page += ".SH COMMANDS\n";
  for (size_t i = 1; i < commands.size(); ++i)
    page += commandPage(commands[i]);
  const size_t start = commands[0].footer.find_first_not_of('\n');
  return page + ".SH EXIT STATUS, ENVIRONMENT AND EXAMPLES\n" +
         verbatim(commands[0].footer.substr(start));
}

} // namespace

void addMan(CLI::App& app, Command& command) {
  CLI::App* sub = app.add_subcommand("man", "Write the manual page");
  sub->footer(kFooter);
  sub->callback([&app, &command] {
    command = [&app] {
      std::cout << manual(describe(app));
      return success;
    };
  });
}

} // namespace diptych::cli
