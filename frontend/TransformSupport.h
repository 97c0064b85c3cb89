// What transforms share: the transform's name and line on every message, checks of what it is
// given, results as the user gets them.
#pragma once

#include <diptych/Transforms.h>

#include "ir/Emitter.h"

namespace diptych::detail {

/// Throws Error("<transform>: expected <expected>, got <got>; <remedy>") at the transform's line.
[[noreturn]] void refuse(const Request& request, const std::string& expected,
                         const std::string& got, const std::string& remedy);

/// An error without a line gets that of the transform; no line is set while `body` runs.
template <class Body> auto attributed(const Request& request, Body&& body) {
  try {
    return body();
  } catch (const Error& error) {
    if (error.where().known())
      throw;
    throw Error(request.where, error.what());
  }
}

void requireDifferentiable(const Request& request, ValueSpan inputs, std::span<const int> wrt);
void requireFits(const Request& request, const char* seed, const TensorType& expected,
                 const Value& got);

/// A NoGradGuard around a transform does not reach into it: only one inside the function does.
/// Refers to f.
Function recording(const Function& f);
/// f with no line set: what it emits has its own lines.
Function onOwnLines(Function f);
/// f that draws the same random numbers whenever it runs again.
Function withSameDraws(Function f);
/// As the user gets it.
Values asUserSees(Values outputs);
Swept swept(Derivatives derivatives, const Request& request);

} // namespace diptych::detail
