// What must hold of every program. A check gives a description of what went wrong, or nothing.
#pragma once

#include "Generate.h"

namespace diptych::fuzz {

struct Check {
  const char* name;
  std::string (*find)(const Program&);
  /// The same in the C++ that a failure is reported with: statements on f, total, inputs, strict.
  const char* cpp;
};

/// Of any program: values, gradients and tangents have the same bits eager, replayed and compiled.
std::span<const Check> strictChecks();
/// Of continuous programs: standard numerics stay near.
std::span<const Check> standardChecks();
/// Of small continuous programs: transforms and jit in every order, to the fourth derivative.
std::span<const Check> nestingChecks();

/// Of any program: a batch of examples gives what each gives by itself, in every order of vmap, jit
/// and differentiation.
std::span<const Check> batchChecks();
/// Of any program: what one compiled program gives does not depend on who calls it how.
std::span<const Check> callChecks();

/// A batch, of a Hessian's columns too, is one axis more; where a tensor has no room for it, the
/// Error that says so is right.
template <std::string (*check)(const Program&)>
std::string whereRanksSuffice(const Program& program) {
  try {
    return check(program);
  } catch (const Error& error) {
    const std::string what = error.what();
    for (const char* known : {"a tensor has at most 8 dimensions", "a result of rank 8 at most"})
      if (what.find(known) != std::string::npos)
        return {};
    throw;
  }
}

/// The check, an exception being a failure too.
std::string find(const Check& check, const Program& program);

} // namespace diptych::fuzz
