// The table of programs, and when one is worth making.
#include "runtime/ConvolutionPrograms.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace diptych::runtime {

namespace {

// Some 20 ms of one thread's multipliers in f64, which compiling takes.
constexpr double kPatience = 1e9;
constexpr double kCall = 1e5; // a short call takes as long as so many operations
constexpr size_t kMostEntries = 4096;
constexpr int64_t kMostPrograms = 512; // code is never given back

double patienceByEnvironment() {
  const char* text = std::getenv("DIPTYCH_EAGER_PROGRAMS");
  const std::string choice = text ? text : "";
  if (choice == "off")
    return HUGE_VAL;
  if (choice == "always")
    return 0;
  if (!choice.empty())
    throw Error("DIPTYCH_EAGER_PROGRAMS: expected off or always, got \"" + choice +
                "\"; unset it to have convolutions compiled once they are worth it");
  return kPatience;
}

void append(std::vector<int64_t>& key, const Dims& dims) {
  key.push_back(dims.size());
  key.insert(key.end(), dims.begin(), dims.end());
}

} // namespace

double ConvolutionCall::operations() const {
  const Shape& kernel = w.type->shape;
  return 2.0 * static_cast<double>(output.numel()) *
         static_cast<double>(kernel.product() / std::max<int64_t>(1, kernel[0] * kernel[1]));
}

constinit std::atomic<ConvolutionPrograms::Compile> ConvolutionPrograms::compile_ = nullptr;

ConvolutionPrograms& ConvolutionPrograms::global() {
  // Never destroyed: destructors of static objects may compute.
  static auto* programs = new ConvolutionPrograms;
  return *programs;
}

ConvolutionPrograms::ConvolutionPrograms() : patience_(patienceByEnvironment()) {}

void ConvolutionPrograms::install(Compile compile) {
  compile_.store(compile, std::memory_order_release);
}

double ConvolutionPrograms::setPatience(double operations) {
  std::lock_guard lock(mutex_);
  return std::exchange(patience_, operations);
}

int64_t ConvolutionPrograms::count() const {
  std::lock_guard lock(mutex_);
  return programs_;
}

ConvolutionPrograms::Key ConvolutionPrograms::keyOf(const ConvolutionCall& call) {
  Key key{static_cast<int64_t>(call.output.dtype)};
  key.reserve(80);
  append(key, call.x.type->shape), append(key, *call.x.strides);
  append(key, call.w.type->shape), append(key, *call.w.strides);
  append(key, call.attrs.strides), append(key, call.attrs.dilations);
  if (call.pad)
    for (const Dims* dims : {&call.pad->low, &call.pad->high, &call.pad->interior})
      append(key, *dims);
  return key;
}

size_t ConvolutionPrograms::Hash::operator()(const Key& key) const {
  const auto* bytes = reinterpret_cast<const char*>(key.data());
  return std::hash<std::string_view>()({bytes, key.size() * sizeof(key[0])});
}

ProgramRunner* ConvolutionPrograms::find(const ConvolutionCall& call) {
  const Compile compile = compile_.load(std::memory_order_acquire);
  if (!compile)
    return nullptr;
  const Key key = keyOf(call);
  std::unique_lock lock(mutex_);
  if (entries_.size() >= kMostEntries && !entries_.count(key))
    std::erase_if(entries_, [](const auto& entry) { return !entry.second.isAsked; });
  Entry& entry = entries_[key];
  if (entry.operations < patience_) {
    entry.operations += call.operations() + kCall;
    return nullptr;
  }
  if (!entry.isAsked && programs_ < kMostPrograms) {
    entry.isAsked = true;
    ++programs_;
    lock.unlock(); // other threads go on with kernels; the entry stays where it is
    std::unique_ptr<ProgramRunner> program = compile(call);
    lock.lock();
    entry.program = std::move(program);
  }
  return entry.program.get();
}

} // namespace diptych::runtime
