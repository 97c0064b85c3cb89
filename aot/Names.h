// Which names an artefact may have: they become C.
#pragma once

#include "aot/Model.h"

namespace diptych::aot {

/// Letters, digits and _, not beginning with a digit; no keyword of C or C++.
bool isIdentifier(const std::string& text);

/// Throws Error where two symbols, macros or parameters would have one name, or one is no
/// identifier.
void checkNames(const Model& model);

/// Throws Error where an entry brings more names than it has arguments, or `shared` has more than
/// any entry that takes them: a slip that would be lost without a word.
void checkArguments(const std::vector<detail::EntryRequest>& entries,
                    const std::vector<std::string>& shared);

/// A name of each leaf of the arguments: `names`, or in0, in1, ... where it ends; those of several
/// leaves are numbered.
std::vector<std::string> inputNames(const std::vector<std::string>& names,
                                    const std::vector<diptych::detail::LeafRange>& ranges);
/// "out", or out0, out1, ...
std::vector<std::string> outputNames(size_t count);

} // namespace diptych::aot
