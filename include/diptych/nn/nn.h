// All of nn: modules, layers, losses, initial values, states in files.
#pragma once

#include <diptych/nn/Attention.h>
#include <diptych/nn/Convolution.h>
#include <diptych/nn/Functional.h>
#include <diptych/nn/Init.h>
#include <diptych/nn/Layers.h>
#include <diptych/nn/Losses.h>
#include <diptych/nn/Module.h>
#include <diptych/nn/Recurrent.h>
#include <diptych/nn/StateDict.h>
