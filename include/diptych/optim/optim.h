// All of optim: update rules, optimisers, schedules, clipping, minimisers.
#pragma once

#include <diptych/optim/Minimize.h>
#include <diptych/optim/Optimizers.h>
#include <diptych/optim/Rules.h>
#include <diptych/optim/Schedulers.h>
