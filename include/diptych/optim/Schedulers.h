// Learning rates over time. A schedule is a function of the epoch; a scheduler puts it into an
// optimiser. For a jitted step, put schedule(base, epoch) into RuleState::lr.
#pragma once

#include <functional>
#include <limits>

#include <diptych/optim/Optimizers.h>

namespace diptych::optim {

/// (base rate, epochs done) -> rate.
using Schedule = std::function<double(double base, int64_t epoch)>;

/// base gamma^(epoch / step_size), rounded down.
Schedule step_schedule(int64_t step_size, double gamma = 0.1);
/// eta_min + (base - eta_min) (1 + cos(pi epoch / T_max)) / 2.
Schedule cosine_schedule(int64_t T_max, double eta_min = 0);
/// base times a factor that goes linearly from `start` to `end` in total_iters epochs: a warm-up.
Schedule linear_schedule(double start = 1.0 / 3, double end = 1, int64_t total_iters = 5);
/// `first` for so many epochs, then `rest`, whose epochs start from 0.
Schedule sequential_schedule(Schedule first, int64_t epochs, Schedule rest);

/// Sets the optimiser's rate at once, for epoch 0, and at every step(). Refers to the optimiser.
class Scheduler {
public:
  Scheduler(Optimizer& optimizer, Schedule schedule);
  /// One epoch is over.
  void step();
  int64_t epoch() const { return epoch_; }
  double get_last_lr() const { return optimizer_.lr(); }

private:
  Optimizer& optimizer_;
  Schedule schedule_;
  double base_;
  int64_t epoch_ = 0;
};

struct StepLR : Scheduler {
  StepLR(Optimizer& optimizer, int64_t step_size, double gamma = 0.1)
      : Scheduler(optimizer, step_schedule(step_size, gamma)) {}
};
struct CosineAnnealingLR : Scheduler {
  CosineAnnealingLR(Optimizer& optimizer, int64_t T_max, double eta_min = 0)
      : Scheduler(optimizer, cosine_schedule(T_max, eta_min)) {}
};
struct LinearLR : Scheduler {
  explicit LinearLR(Optimizer& optimizer, double start_factor = 1.0 / 3, double end_factor = 1,
                    int64_t total_iters = 5)
      : Scheduler(optimizer, linear_schedule(start_factor, end_factor, total_iters)) {}
};

struct PlateauOptions {
  enum class Mode { min, max } mode = Mode::min;
  enum class ThresholdMode { rel, abs } threshold_mode = ThresholdMode::rel;
  double factor = 0.1;
  int64_t patience = 10, cooldown = 0;
  double threshold = 1e-4, min_lr = 0, eps = 1e-8;
};
/// Multiplies the rate by `factor` when the metric has not improved on its best by the threshold
/// for more than `patience` epochs, then waits `cooldown` epochs. A change below eps is left out.
class ReduceLROnPlateau {
public:
  explicit ReduceLROnPlateau(Optimizer& optimizer, const PlateauOptions& options = {});
  void step(double metric);

private:
  bool improves(double metric) const;
  Optimizer& optimizer_;
  PlateauOptions options_;
  double best_;
  int64_t badEpochs_ = 0, cooldownLeft_ = 0;
};

} // namespace diptych::optim
