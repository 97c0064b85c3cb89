// Progress waits on a thread of its own, since what it reports is busy.
#include "tools/diptych/Terminal.h"

#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>

namespace diptych::cli {

static bool isSet(const char* variable) {
  const char* value = std::getenv(variable);
  return value && *value;
}

bool isStyled(int descriptor) { return isatty(descriptor) && !isSet("NO_COLOR"); }

struct Progress::Line {
  explicit Line(const std::string& name) : name(name), thread([this] { watch(); }) {}
  ~Line() {
    {
      const std::lock_guard lock(mutex);
      done = true;
    }
    ended.notify_one();
    thread.join();
  }

  void watch() {
    std::unique_lock lock(mutex);
    int seconds = 0;
    while (!ended.wait_for(lock, std::chrono::seconds(1), [this] { return done; })) {
      ++seconds;
      const bool colour = isStyled(STDERR_FILENO);
      std::fprintf(stderr, "\r\x1b[K%s%d s  %s%s", colour ? "\x1b[2m" : "", seconds,
                   colour ? "\x1b[0m" : "", name.c_str());
      std::fflush(stderr);
    }
    if (seconds > 0)
      std::fputs("\r\x1b[K", stderr);
    std::fflush(stderr);
  }

  std::string name;
  std::mutex mutex;
  std::condition_variable ended;
  bool done = false;
  std::thread thread; // last: it uses the others
};

Progress::Progress(const std::string& name) {
  if (isatty(STDERR_FILENO) && isSet("TERM") && std::strcmp(std::getenv("TERM"), "dumb") != 0)
    line_ = std::make_unique<Line>(name);
}

Progress::~Progress() = default;

} // namespace diptych::cli
