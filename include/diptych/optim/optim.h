// All of optim: update rules, optimisers, schedules, clipping.
#pragma once

#include <diptych/optim/Optimizers.h>
#include <diptych/optim/Rules.h>
#include <diptych/optim/Schedulers.h>
