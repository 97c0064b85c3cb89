// Table by table, in the order in which a reader asks: how fast, at what price, when does it pay,
// how much memory, is it right, what came out.
#include "tools/study/StudyReport.h"

#include "tools/study/StudyTable.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace diptych::study {

namespace {

class Page {
public:
  explicit Page(bool bold) : bold_(bold) {}
  void heading(const std::string& text) {
    text_ += "\n" + (bold_ ? "\x1b[1m" + text + "\x1b[0m" : text) + "\n";
  }
  void line(const std::string& text) { text_ += "  " + text + "\n"; }
  void blank() { text_ += "\n"; }
  void table(const Table& table) { text_ += table.text(bold_); }
  const std::string& text() const { return text_; }

private:
  bool bold_;
  std::string text_;
};

bool measured(const Json& row) { return row.contains("jit"); }

std::string countText(double count) { return fmt::format("{:.0f}", count); }

/// Samples of both modes; a star where the budget ended the sampling.
std::string samplesText(const Json& row) {
  auto one = [](const Json& latency) {
    return std::to_string(latency["samples"].get<int>()) +
           (latency["budget_hit"].get<bool>() ? "*" : "");
  };
  return one(row["eager"]["latency"]) + " / " + one(row["jit"]["latency"]);
}

void latency(Page& page, const Json& workload, const Json& options) {
  Table table({"latency", "median", "p5", "p95", "median", "p5", "p95", "speed-up", "samples"});
  table.group("eager", 1, 3);
  table.group("jit", 4, 6);
  bool budgetHit = false;
  for (const Json& row : workload["rows"]) {
    std::vector<std::string> cells{row["name"]};
    if (measured(row)) {
      for (const char* mode : {"eager", "jit"})
        for (const char* key : {"median", "p5", "p95"})
          cells.push_back(formatSeconds(row[mode]["latency"][key]));
      cells.push_back(formatNumber(row["speedup"]) + "x");
      cells.push_back(samplesText(row));
      budgetHit = budgetHit || cells.back().find('*') != std::string::npos;
    } else {
      cells.push_back(row.contains("skipped") ? "skipped" : "FAILED");
    }
    table.add(cells);
  }
  page.table(table);
  if (budgetHit)
    page.line(fmt::format("* fewer than {} samples: the budget of {} s a measurement ended it",
                          options["samples"].get<int>(), options["seconds"].get<double>()));
}

void problems(Page& page, const Json& workload) {
  for (const char* list : {"rows", "optimisation"})
    for (const Json& row : workload[list]) {
      const std::string name = row.value("name", row.value("method", ""));
      if (row.contains("skipped"))
        page.line(name + ": skipped; " + row["skipped"].get<std::string>());
      if (const std::string failure = row["failure"]; !failure.empty())
        page.line(name + ": FAILED; " + failure);
    }
}

void compileTable(Page& page, const Json& workload) {
  const std::vector<const char*> stages{"trace",    "differentiate", "simplify", "fuse",
                                        "schedule", "emit",          "lower",    "translate",
                                        "codegen",  "link"};
  std::vector<std::string> header{"compile, ms"};
  for (const char* stage : stages)
    header.push_back(std::string(stage) == "differentiate" ? "derive" : stage);
  for (const char* more : {"total", "kernels", "break-even n*"})
    header.push_back(more);
  Table table(header);
  double startup = 0.0;
  for (const Json& row : workload["rows"]) {
    if (!measured(row))
      continue;
    const Json& jit = row["jit"];
    startup = std::max(startup, jit["compiler_startup"].get<double>());
    std::vector<std::string> cells{row["name"]};
    for (const char* stage : stages)
      cells.push_back(fmt::format("{:.1f}", 1e3 * jit["stages"][stage].get<double>()));
    cells.push_back(fmt::format("{:.1f}", 1e3 * jit["compile"].get<double>()));
    cells.push_back(std::to_string(jit["kernels_compiled"].get<int>()));
    cells.push_back(row["break_even"].is_null() ? "never" : countText(row["break_even"]));
    table.add(cells);
  }
  page.blank();
  page.table(table);
  page.line(fmt::format("n* = compile / (eager - jit). Before the first program of a process the "
                        "compiler starts: up to {}.",
                        formatSeconds(startup)));
}

void memoryTable(Page& page, const Json& workload) {
  Table table({"memory and work", "tensors", "process", "allocations", "cpu", "tensors",
               "of it arena", "process", "allocations", "cpu", "kernels run"});
  table.group("eager", 1, 4);
  table.group("jit", 5, 10);
  for (const Json& row : workload["rows"]) {
    if (!measured(row))
      continue;
    const Json &eager = row["eager"], &jit = row["jit"];
    table.add({row["name"], formatBytes(eager["high_water_bytes"]),
               formatBytes(eager["process_peak_bytes"]), countText(eager["allocations"]),
               formatSeconds(eager["latency"]["cpu"]), formatBytes(jit["high_water_bytes"]),
               formatBytes(jit["arena_bytes"]), formatBytes(jit["process_peak_bytes"]),
               countText(jit["allocations"]), formatSeconds(jit["latency"]["cpu"]),
               countText(jit["kernel_calls"])});
  }
  page.blank();
  page.table(table);
  page.line("tensors: peak of what the allocator handed out in one call, inputs not counted; "
            "process: peak resident size, inputs counted;");
  page.line("each from a process of its own. Allocations, processor time of all threads (cpu) and "
            "kernels are of one warm call.");
}

/// The kernels that take longest, each beside what multipliers or memory need for it.
void kernelTable(Page& page, const Json& workload) {
  constexpr std::size_t shown = 3;
  Table table({"longest kernels of", "flops", "bytes", "least", "took", "times", "kernel"});
  const Json* profile = nullptr;
  for (const Json& row : workload["rows"]) {
    if (!measured(row) || row["jit"]["profile"].is_null())
      continue;
    profile = &row["jit"]["profile"];
    std::vector<Json> kernels = (*profile)["kernels"];
    std::stable_sort(kernels.begin(), kernels.end(),
                     [](const Json& a, const Json& b) { return a["took"] > b["took"]; });
    for (std::size_t i = 0; i < std::min(shown, kernels.size()); ++i) {
      const double least = kernels[i]["least"], took = kernels[i]["took"];
      table.add({i == 0 ? row["name"].get<std::string>() : "",
                 fmt::format("{:.3g}", kernels[i]["flops"].get<double>()),
                 formatBytes(kernels[i]["bytes"]), formatSeconds(least), formatSeconds(took),
                 least > 0.0 ? formatNumber(took / least) + "x" : "-",
                 cutInside(kernels[i]["name"], 48)});
    }
  }
  if (!profile)
    return;
  page.blank();
  page.table(table);
  page.line(fmt::format("least: what multipliers ({:.0f} GF/s) or memory ({:.1f} GB/s), both "
                        "measured then, need for it; arrays in cache may take less. ",
                        1e-9 * (*profile)["flop_rate"].get<double>(),
                        1e-9 * (*profile)["byte_rate"].get<double>()));
}

std::string differenceText(const Json& agreement, const char* key) {
  if (!agreement.contains(key))
    return "-";
  return agreement[key].is_number() ? formatDifference(agreement[key]) : "NaN";
}

void agreementTable(Page& page, const Json& workload, const Json& options) {
  Table table({"largest relative difference", "jit / eager", "eager / closed form",
               "jit / closed form", "strict jit / eager"});
  for (const Json& row : workload["rows"]) {
    if (!row.contains("agreement") || row["agreement"].is_null())
      continue;
    const Json& agreement = row["agreement"];
    const bool bitwise = agreement.value("jit_strict_bitwise", false);
    table.add({row["name"], differenceText(agreement, "jit_eager"),
               differenceText(agreement, "eager_closed_form"),
               differenceText(agreement, "jit_closed_form"), bitwise ? "same bits" : "differ"});
  }
  page.blank();
  page.table(table);
  page.line(fmt::format("allowed: {:.0e}, and the same bits in strict mode",
                        options["tolerance"].get<double>()));
}

const Json* rowNamed(const Json& workload, const std::string& name) {
  for (const Json& row : workload["rows"])
    if (row["name"] == name && measured(row))
      return &row;
  return nullptr;
}

/// A Hessian against one gradient, both modes.
void hessianRatios(Page& page, const Json& workload) {
  bool any = false;
  for (const Json& row : workload["rows"]) {
    const std::string name = row["name"];
    if (name.find("Hessian") == std::string::npos || !measured(row))
      continue;
    const std::string function = name.find(": ") == 1 ? name.substr(0, 3) : "";
    const Json* gradient = rowNamed(workload, function + "value + gradient");
    if (!gradient)
      continue;
    auto ratio = [&](const char* mode) {
      return row[mode]["latency"]["median"].get<double>() /
             (*gradient)[mode]["latency"]["median"].get<double>();
    };
    if (!any)
      page.blank();
    any = true;
    page.line(fmt::format("{}: {}x one value + gradient eagerly, {}x compiled", name,
                          formatNumber(ratio("eager")), formatNumber(ratio("jit"))));
  }
}

void endToEnd(Page& page, const Json& run) {
  const std::string unit = run["unit"];
  Table table({"end to end, " + unit, "eager", "jit with compiling", "speed-up"});
  bool computed = false;
  for (std::size_t i = 0; i < run["eager"]["marks"].size(); ++i) {
    const Json &eager = run["eager"]["marks"][i], &jit = run["jit"]["marks"][i];
    auto cell = [&](const Json& mark) {
      computed = computed || !mark["measured"].get<bool>();
      return formatSeconds(mark["seconds"]) + (mark["measured"].get<bool>() ? "" : "*");
    };
    table.add({countText(eager["iterations"]), cell(eager), cell(jit),
               formatNumber(eager["seconds"].get<double>() / jit["seconds"].get<double>()) + "x"});
  }
  page.blank();
  page.table(table);
  page.line("measured in fresh processes, with the compiler's start and all compiling in it" +
            std::string(computed ? "; * computed from the pace so far" : ""));
  const double eager = run["eager"]["pace"], jit = run["jit"]["pace"];
  page.line(fmt::format(
      "after the first, {} take {} each eagerly and {} jitted; jit is ahead {}", unit,
      formatSeconds(eager), formatSeconds(jit),
      run["break_even"].is_null() ? "never" : "from " + countText(run["break_even"]) + " on"));
}

/// What an end says of itself beside its value; "-" where it says nothing of the kind.
std::string endText(const Json& end, const std::string& key) {
  if (!end.contains(key) || end[key].is_null())
    return key == "converged_at" && end.contains(key) ? "not yet" : "-";
  if (key == "converged_at")
    return "at " + countText(end[key].get<double>());
  if (key == "converged")
    return end[key].get<bool>() ? "yes" : "no";
  return fmt::format("{:.0e}", end[key].get<double>());
}

/// The keys that any end has, and what their columns are called.
std::vector<std::pair<std::string, std::string>> endColumns(const Json& workload) {
  std::vector<std::pair<std::string, std::string>> columns;
  for (const auto& [key, title] :
       {std::pair<std::string, std::string>("gradient_norm", "|gradient|"),
        {"residual", workload.value("residual", "residual")},
        {"converged", "converged"}}) {
    bool any = false;
    for (const Json& run : workload["optimisation"])
      any = any ||
            (run.contains("jit") && (run["jit"].contains(key) || run["jit"].contains(key + "_at")));
    // A residual says more than whether it was small enough.
    if (any && !(key == "converged" && workload.contains("residual")))
      columns.emplace_back(key, title);
  }
  return columns;
}

void optimisers(Page& page, const Json& workload) {
  std::vector<std::string> header{"optimisation", "mode", "iterations", "seconds", "objective"};
  const auto columns = endColumns(workload);
  for (const auto& [key, title] : columns)
    header.push_back(title);
  header.push_back("strict jit / eager");
  Table table(header);
  for (const Json& run : workload["optimisation"]) {
    if (!run.contains("jit"))
      continue;
    for (const char* mode : {"eager", "jit"}) {
      const Json& end = run[mode];
      const double seconds =
          end.contains("seconds") ? end["seconds"] : end["marks"].back()["seconds"];
      std::vector<std::string> cells{run["method"], mode, countText(end["iterations"]),
                                     formatSeconds(seconds),
                                     fmt::format("{:.12f}", end["value"].get<double>())};
      for (const auto& [key, title] : columns)
        cells.push_back(endText(
            end, key == "converged" && end.contains("converged_at") ? "converged_at" : key));
      cells.push_back(run["strict_bitwise"].is_null() ? "-" : "same bits");
      table.add(cells);
    }
  }
  page.blank();
  page.table(table);
  for (const Json& run : workload["optimisation"])
    if (run.value("stopped", false))
      page.line(run["method"].get<std::string>() +
                ": stopped by its time budget; the ends are not judged");
  for (const Json& run : workload["optimisation"])
    if (run.contains("jit") && run["jit"].value("repaired", 0) > 0)
      page.line(fmt::format("Newton: the Hessian had the wrong sign in {} of {} steps; its "
                            "eigenvalues were replaced by their magnitudes there",
                            run["jit"]["repaired"].get<int>(),
                            run["jit"]["iterations"].get<int>()));
}

void weights(Page& page, const Json& optimum) {
  if (optimum.contains("error"))
    return page.line("contributions: " + optimum["error"].get<std::string>());
  Table table({"factor", "weight", "adds to J", "adds to return"});
  const Json& factors = optimum["factors"];
  const std::size_t shown = factors.size() <= 40 ? factors.size() : 20;
  for (std::size_t i = 0; i < factors.size(); ++i) {
    if (factors.size() > 40 && i == shown)
      table.add({fmt::format("... {} more", factors.size() - 2 * shown)});
    if (i >= shown && i < factors.size() - shown && factors.size() > 40)
      continue;
    const Json& factor = factors[i];
    table.add({factor["factor"], fmt::format("{:+.4f}", factor["weight"].get<double>()),
               fmt::format("{:+.4f}", factor["sharpe"].get<double>()),
               fmt::format("{:+.2f} %", 100 * factor["return"].get<double>())});
  }
  page.blank();
  page.table(table);
  page.line(fmt::format("J = {:.4f}, {:.2f} % a year at the optimum; {:.4f}, {:.2f} % at w = 0. "
                        "\"Adds\": what is lost when this weight alone is set to 0.",
                        optimum["sharpe"].get<double>(), 100 * optimum["return"].get<double>(),
                        optimum["sharpe_at_zero"].get<double>(),
                        100 * optimum["return_at_zero"].get<double>()));
}

void workloadPage(Page& page, const Json& workload, const Json& report) {
  const Json& options = report["options"];
  std::string name = workload["workload"];
  name[0] = 'W';
  page.heading(name + "  " + workload["title"].get<std::string>() + ": " +
               workload["heading"].get<std::string>());
  page.line(workload["functions"].get<std::string>());
  page.blank();
  latency(page, workload, options);
  problems(page, workload);
  if (std::any_of(workload["rows"].begin(), workload["rows"].end(), measured)) {
    compileTable(page, workload);
    memoryTable(page, workload);
    kernelTable(page, workload);
  }
  agreementTable(page, workload, options);
  hessianRatios(page, workload);
  for (const Json& run : workload["optimisation"])
    if (run.contains("jit") && run["jit"].contains("marks"))
      endToEnd(page, run);
  optimisers(page, workload);
  for (const Json& note : workload.value("notes", Json::array()))
    page.line(note.get<std::string>());
  if (workload.contains("optimum"))
    weights(page, workload["optimum"]);
}

} // namespace

std::string studyText(const Json& report, bool bold) {
  Page page(bold);
  const Json &options = report["options"], &machine = report["machine"];
  page.heading("Diptych study");
  page.line(fmt::format(
      "{} numerics, float64; {}, {} hardware threads{}", options["numerics"].get<std::string>(),
      machine["cpu"].get<std::string>(), machine["hardware_threads"].get<int>(),
      machine["threads"].is_null() ? "" : fmt::format(", {} used", machine["threads"].get<int>())));
  if (machine["load"].get<double>() > 0.5 * machine["hardware_threads"].get<double>())
    page.line(
        fmt::format("The machine was busy at the start (load {:.1f}): latencies are noisy; p5 "
                    "and cpu suffer least.",
                    machine["load"].get<double>()));
  page.line("data: " + report["data"]["source"].get<std::string>());
  for (const Json& note : report["data"]["notes"])
    page.line("  " + note.get<std::string>());
  for (const Json& workload : report["workloads"])
    workloadPage(page, workload, report);
  page.blank();
  page.line(fmt::format("{} after {:.0f} s",
                        report["passed"].get<bool>() ? "every check passed"
                                                     : "SOME CHECK FAILED, see above",
                        report["seconds"].get<double>()));
  return page.text().substr(1);
}

} // namespace diptych::study
