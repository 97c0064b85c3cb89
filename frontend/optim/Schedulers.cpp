// Learning rate schedules in closed form, and the one that watches a metric.
#include <diptych/optim/Schedulers.h>

#include "frontend/Ops.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace diptych::optim {

using diptych::detail::misuse;

static void requireEpochs(const char* schedule, int64_t epochs) {
  if (epochs < 1)
    misuse(schedule, "at least one epoch", std::to_string(epochs), "check the argument");
}

Schedule step_schedule(int64_t step_size, double gamma) {
  requireEpochs("step_schedule", step_size);
  return [=](double base, int64_t epoch) {
    return base * std::pow(gamma, static_cast<double>(epoch / step_size));
  };
}

Schedule cosine_schedule(int64_t T_max, double eta_min) {
  requireEpochs("cosine_schedule", T_max);
  return [=](double base, int64_t epoch) {
    const double angle = std::numbers::pi * static_cast<double>(epoch) / static_cast<double>(T_max);
    return eta_min + (base - eta_min) * (1 + std::cos(angle)) / 2;
  };
}

Schedule linear_schedule(double start, double end, int64_t total) {
  requireEpochs("linear_schedule", total);
  return [=](double base, int64_t epoch) {
    const double done = static_cast<double>(std::min(epoch, total)) / static_cast<double>(total);
    return base * (start + (end - start) * done);
  };
}

Schedule sequential_schedule(Schedule first, int64_t epochs, Schedule rest) {
  requireEpochs("sequential_schedule", epochs);
  return [=](double base, int64_t epoch) {
    return epoch < epochs ? first(base, epoch) : rest(base, epoch - epochs);
  };
}

Scheduler::Scheduler(Optimizer& optimizer, Schedule schedule)
    : optimizer_(optimizer), schedule_(std::move(schedule)), base_(optimizer.lr()) {
  optimizer_.set_lr(schedule_(base_, 0));
}

void Scheduler::step() { optimizer_.set_lr(schedule_(base_, ++epoch_)); }

ReduceLROnPlateau::ReduceLROnPlateau(Optimizer& optimizer, const PlateauOptions& options)
    : optimizer_(optimizer), options_(options),
      best_(options.mode == PlateauOptions::Mode::min ? std::numeric_limits<double>::infinity()
                                                      : -std::numeric_limits<double>::infinity()) {
  if (!(options.factor < 1))
    misuse("ReduceLROnPlateau", "a factor below 1", std::to_string(options.factor),
           "the rate is to fall");
}

bool ReduceLROnPlateau::improves(double metric) const {
  const bool smaller = options_.mode == PlateauOptions::Mode::min;
  const double sign = smaller ? -1 : 1;
  const double goal = options_.threshold_mode == PlateauOptions::ThresholdMode::rel
                          ? best_ * (1 + sign * options_.threshold)
                          : best_ + sign * options_.threshold;
  return smaller ? metric < goal : metric > goal;
}

void ReduceLROnPlateau::step(double metric) {
  if (improves(metric)) {
    best_ = metric;
    badEpochs_ = 0;
  } else {
    ++badEpochs_;
  }
  if (cooldownLeft_ > 0) {
    --cooldownLeft_;
    badEpochs_ = 0;
  }
  if (badEpochs_ <= options_.patience)
    return;
  const double lr = std::max(optimizer_.lr() * options_.factor, options_.min_lr);
  if (optimizer_.lr() - lr > options_.eps)
    optimizer_.set_lr(lr);
  cooldownLeft_ = options_.cooldown;
  badEpochs_ = 0;
}

} // namespace diptych::optim
