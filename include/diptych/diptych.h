// The whole public interface: tensors, operators, transforms, and jit, which needs no compiler here
// but libdiptych-compiler at link time.
#pragma once

#include <diptych/Activations.h>
#include <diptych/Autograd.h>
#include <diptych/Composites.h>
#include <diptych/ControlFlow.h>
#include <diptych/Convolution.h>
#include <diptych/Cumulative.h>
#include <diptych/CustomRules.h>
#include <diptych/Device.h>
#include <diptych/Error.h>
#include <diptych/Factories.h>
#include <diptych/ImplicitRoot.h>
#include <diptych/Jit.h>
#include <diptych/Linalg.h>
#include <diptych/Linearize.h>
#include <diptych/Movement.h>
#include <diptych/Ops.h>
#include <diptych/Random.h>
#include <diptych/Rolling.h>
#include <diptych/Sorting.h>
#include <diptych/Tensor.h>
#include <diptych/Transforms.h>
#include <diptych/Tree.h>
#include <diptych/Vmap.h>
