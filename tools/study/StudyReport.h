// The record of a study as a page for a person. Prints nothing that the record lacks.
#pragma once

#include "tools/study/Measure.h"

namespace diptych::study {

/// `bold`: headings in bold, for a terminal.
std::string studyText(const Json& report, bool bold);

} // namespace diptych::study
