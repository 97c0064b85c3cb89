// Programs that differentiate programs, for any emitter: each takes the numbers it is taken along
// as further inputs.
#pragma once

#include "Cases.h"

namespace diptych::suite {

/// A program with its inputs, and which of them are differentiated: all floats.
struct Subject {
  Values inputs;
  Function program;
  std::vector<int> wrt;
};
Subject subjectOf(const std::vector<Case>& cases);

/// One direction for each differentiated input, and one for each result.
struct Directions {
  Values inputs, results;
};
Directions directionsFor(const Subject& subject, Generator& generator);

/// Jᵀu, u being `count` last inputs; and Jv likewise.
Function pulledBack(const Subject& subject, size_t results);
Function pushedForward(const Subject& subject);

/// x -> Jᵀu as a subject of its own: u is constant.
Subject gradientOf(const Subject& subject, const Values& u);
/// x -> Jv.
Subject tangentOf(const Subject& subject, const Values& v);

/// Runs eagerly.
Values valueOf(const Subject& subject);
Values pullBack(const Subject& subject, const Values& u);
Values pushForward(const Subject& subject, const Values& v);
/// The subject at x + step v.
Subject moved(const Subject& subject, const Values& v, double step);
/// d/ds subject(x + s v) at s = 0, by differences of fourth order, in doubles.
std::vector<std::vector<double>> differences(const Subject& subject, const Values& v, double step);

/// Sum over all elements of all tensors.
double inner(const Values& a, const Values& b);

} // namespace diptych::suite
