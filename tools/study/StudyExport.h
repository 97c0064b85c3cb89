// The arguments and results of a row as files, for other systems to be measured on the same
// numbers.
#pragma once

#include "tools/study/StudyCell.h"

namespace diptych::study {

/// Writes what the job is called with and what eager mode returns to a folder: {"arguments":
/// [FILE...], "results": [FILE...]}, names of npz files there, each with one array "x". Equal
/// arrays share a file. Error if a file can't be written.
Json exportRow(const Job& job, const std::string& folder);

} // namespace diptych::study
