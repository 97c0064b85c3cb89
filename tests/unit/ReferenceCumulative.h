// Cumulative operators by their definitions, one row after the other.
#pragma once

#include <cmath>
#include <vector>

#include "ir/OpTable.h"

namespace diptych::reference {

/// One row of so many steps, in place of which the result is returned.
inline std::vector<double> cumulatedRow(OpCode code, const std::vector<std::vector<double>>& in) {
  std::vector<double> out;
  size_t best = 0;
  for (size_t i = 0; i < in[0].size(); ++i) {
    const double x = in.back()[i], champion = in[0][best];
    switch (code) {
    case OpCode::Cumsum: out.push_back(i ? out.back() + x : x); break;
    case OpCode::LinearRecurrence: out.push_back(i ? std::fma(in[0][i], out.back(), x) : x); break;
    case OpCode::Argcummax:
    case OpCode::Argcummin:
      if (!std::isnan(champion) &&
          (std::isnan(x) || (code == OpCode::Argcummax ? x > champion : x < champion)))
        best = i;
      out.push_back(static_cast<double>(best));
      break;
    default: throw Error(std::string("internal: no definition of ") + info(code).name);
    }
  }
  return out;
}

inline std::vector<double> cumulated(OpCode code, const std::vector<std::vector<double>>& in,
                                     const Shape& shape, int64_t axis) {
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < shape.size(); ++i)
    (i < axis ? outer : inner) *= i == axis ? 1 : shape[i];
  std::vector<double> out(in[0].size());
  for (int64_t row = 0; row < outer * inner; ++row) {
    const auto place = [&](int64_t i) {
      return static_cast<size_t>((row / inner * shape[static_cast<int>(axis)] + i) * inner +
                                 row % inner);
    };
    std::vector<std::vector<double>> rows(in.size());
    for (size_t k = 0; k < in.size(); ++k)
      for (int64_t i = 0; i < shape[static_cast<int>(axis)]; ++i)
        rows[k].push_back(in[k][place(i)]);
    const std::vector<double> result = cumulatedRow(code, rows);
    for (size_t i = 0; i < result.size(); ++i)
      out[place(static_cast<int64_t>(i))] = result[i];
  }
  return out;
}

} // namespace diptych::reference
