// diptych completion: a script for a shell, written from the command line's own definitions.
#include "tools/diptych/Commands.h"

#include "tools/diptych/CommandLine.h"

#include <fmt/format.h>

#include <iostream>

namespace diptych::cli {

namespace {

const char* const kFooter = R"(
Exit codes: 0 done, 2 wrong usage.

Examples:
  source <(diptych completion bash)                                   in ~/.bashrc
  diptych completion zsh > ~/.zfunc/_diptych                          a folder of $fpath
  diptych completion fish > ~/.config/fish/completions/diptych.fish)";

std::string join(const std::vector<std::string>& words, const char* separator) {
  std::string text;
  for (const std::string& word : words)
    text += (text.empty() ? "" : separator) + word;
  return text;
}

std::string replaced(const std::string& text, char from, const std::string& to) {
  std::string result;
  for (char c : text)
    result += c == from ? to : std::string(1, c);
  return result;
}

/// 'text' for bash and zsh.
std::string quoted(const std::string& text) { return "'" + replaced(text, '\'', R"('\'')") + "'"; }

//===-- bash ---------------------------------------------------------------------------------===//

constexpr char kBash[] = R"(# bash completion of diptych, from `diptych completion bash`.
_diptych() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} command= words= i
  if [[ $word == = ]]; then
    word=
  elif [[ $previous == = ]]; then
    previous=${{COMP_WORDS[COMP_CWORD-2]}}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${{COMP_WORDS[i]}} in
    {commands}) command=${{COMP_WORDS[i]}}; break ;;
    esac
  done
  COMPREPLY=()
  case "$command $previous" in
{values}  esac
  case $command in
{options}  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}}
_diptych_files() {{
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -f -- "$1")
}}
complete -F _diptych diptych
)";

std::string bashValues(const CommandText& command, const std::string& name) {
  std::string text;
  for (const OptionText& option : command.options) {
    if (option.positional || option.value.empty())
      continue;
    std::vector<std::string> patterns;
    for (const std::string& spelling : option.names)
      patterns.push_back('"' + name + ' ' + spelling + '"');
    std::string action = "return";
    if (option.isFile())
      action = "_diptych_files \"$word\"; return";
    else if (!option.choices.empty())
      action = "mapfile -t COMPREPLY < <(compgen -W \"" + join(option.choices, " ") +
               "\" -- \"$word\"); return";
    text += "  " + join(patterns, " | ") + ") " + action + " ;;\n";
  }
  return text;
}

std::string bashOptions(const CommandText& command, const std::string& name,
                        const std::vector<std::string>& extra) {
  std::vector<std::string> words = extra;
  bool takesFile = false;
  for (const OptionText& option : command.options) {
    const auto& more = option.positional ? option.choices : option.names;
    words.insert(words.end(), more.begin(), more.end());
    takesFile |= option.positional && option.isFile();
  }
  std::string text = "  " + (name.empty() ? "\"\"" : name) + ")\n";
  if (takesFile)
    text += "    [[ $word != -* ]] && { _diptych_files \"$word\"; return; }\n";
  return text + "    words=\"" + join(words, " ") + "\" ;;\n";
}

std::string bash(const std::vector<CommandText>& commands) {
  std::vector<std::string> names;
  for (size_t i = 1; i < commands.size(); ++i)
    names.push_back(commands[i].name);
  std::string values, options = bashOptions(commands[0], "", names);
  for (size_t i = 1; i < commands.size(); ++i) {
    values += bashValues(commands[i], commands[i].name);
    options += bashOptions(commands[i], commands[i].name, {});
  }
  return fmt::format(kBash, fmt::arg("commands", join(names, " | ")), fmt::arg("values", values),
                     fmt::arg("options", options));
}

//===-- zsh ----------------------------------------------------------------------------------===//

/// Inside '[...]' of an argument of _arguments.
std::string zshText(const std::string& text) {
  std::string result;
  for (char c : text)
    result +=
        (c == '[' || c == ']' || c == ':' || c == '\\') ? std::string("\\") + c : std::string(1, c);
  return result;
}

std::string zshValue(const OptionText& option) {
  if (option.value.empty())
    return "";
  const std::string label = ":" + replaced(option.value, ':', " ") + ":";
  if (option.isFile())
    return label + "_files";
  return option.choices.empty() ? label : label + "(" + join(option.choices, " ") + ")";
}

std::string zshArguments(const CommandText& command) {
  std::string text;
  for (const OptionText& option : command.options) {
    if (option.positional) {
      text += " \\\n      " + quoted("1" + zshValue(option));
      continue;
    }
    for (const std::string& name : option.names)
      text += " \\\n      " +
              quoted((option.names.size() > 1 ? "(" + join(option.names, " ") + ")" : "") + name +
                     "[" + zshText(option.description) + "]" + zshValue(option));
  }
  return text;
}

std::string zsh(const std::vector<CommandText>& commands) {
  std::string text =
      "#compdef diptych\n# zsh completion of diptych, from `diptych completion zsh`.\n"
      "_diptych() {\n  local -a commands\n  local context state line curcontext=$curcontext\n"
      "  commands=(\n";
  for (size_t i = 1; i < commands.size(); ++i)
    text += "    " + quoted(commands[i].name + ":" + zshText(commands[i].description)) + "\n";
  text += "  )\n  _arguments -C" + zshArguments(commands[0]) +
          " \\\n      '1:command:->command' '*::argument:->argument'\n  case $state in\n"
          "  command) _describe command commands ;;\n  argument)\n    case $words[1] in\n";
  for (size_t i = 1; i < commands.size(); ++i)
    text += "    " + commands[i].name + ") _arguments" + zshArguments(commands[i]) + " ;;\n";
  return text + "    esac ;;\n  esac\n}\nif [ \"$funcstack[1]\" = _diptych ]; then\n"
                "  _diptych \"$@\"\nelse\n  compdef _diptych diptych\nfi\n";
}

//===-- fish ---------------------------------------------------------------------------------===//

std::string fishQuoted(const std::string& text) {
  return "'" + replaced(replaced(text, '\\', R"(\\)"), '\'', R"(\')") + "'";
}

std::string fishOptions(const CommandText& command, const std::string& condition) {
  std::string text;
  for (const OptionText& option : command.options) {
    text += "complete -c diptych -n " + fishQuoted(condition);
    for (const std::string& name : option.names)
      if (!option.positional)
        text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    if (option.isFile())
      text += option.positional ? " -F" : " -r -F";
    else if (!option.choices.empty())
      text += (option.positional ? " -a " : " -x -a ") + fishQuoted(join(option.choices, " "));
    else if (!option.value.empty())
      text += " -x";
    text += " -d " + fishQuoted(option.description) + "\n";
  }
  return text;
}

std::string fish(const std::vector<CommandText>& commands) {
  std::string text = "# fish completion of diptych, from `diptych completion fish`.\n"
                     "complete -c diptych -f\n" +
                     fishOptions(commands[0], "__fish_use_subcommand");
  for (size_t i = 1; i < commands.size(); ++i)
    text += "complete -c diptych -n __fish_use_subcommand -a " + commands[i].name + " -d " +
            fishQuoted(commands[i].description) + "\n" +
            fishOptions(commands[i], "__fish_seen_subcommand_from " + commands[i].name);
  return text;
}

} // namespace

void addCompletion(CLI::App& app, Command& command) {
  auto shell = std::make_shared<std::string>();
  CLI::App* sub = app.add_subcommand("completion", "Write a completion script for a shell");
  sub->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  sub->footer(kFooter);
  sub->callback([shell, &app, &command] {
    command = [shell, &app] {
      const std::vector<CommandText> commands = describe(app);
      std::cout << (*shell == "bash"  ? bash(commands)
                    : *shell == "zsh" ? zsh(commands)
                                      : fish(commands));
      return success;
    };
  });
}

} // namespace diptych::cli
